"""What a run did, for people: a page, pictures, answers to questions."""
