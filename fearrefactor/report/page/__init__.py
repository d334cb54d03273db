"""What a run did as one HTML file: no server, no request, nothing beside it."""

from fearrefactor.report.page.document import page_html

__all__ = ["page_html"]
