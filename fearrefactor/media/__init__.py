"""Everything that parses or writes video: av, numpy and cv2, and no other foreign library.

No module here opens a URI or sees a credential: they take a readable, seekable source.
"""
