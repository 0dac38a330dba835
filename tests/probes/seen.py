"""Call sites that a watched pool saw."""

from dashboard.model.claim import SITE
from dashboard.probes.frames import Site

from .contract import LedgerEyes


class Seen:
    """Where the checkouts that are out were asked for."""

    def __init__(self, eyes: LedgerEyes) -> None:
        self._eyes = eyes

    def site(self) -> Site:
        """Of the only one that is out."""
        (claim,) = self._eyes.sink.open.values()
        site: Site = claim[SITE]
        return site

    def function(self) -> str:
        """Its name; the file is this one, or made up."""
        assert self.site().file.startswith("tests/probes/test_frames")
        return self.site().function.rpartition(".")[2]
