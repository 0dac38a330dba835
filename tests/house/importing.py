"""A contract for import-linter: a pool library is imported by its own probe and nowhere else.

What belongs to a library goes by its name, so that a new one needs no line here: all of
`dashboard/probes/` that begins with its first word, with or without an underscore before it.
"""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class LibrariesAtHome(Contract):
    """`probes` is the package of probes; `anywhere` may import every library.

    A library is one of `libraries`, or whatever else a module of `probes` is named after.
    """

    type_name = "libraries_at_home"

    probes = fields.StringField()
    libraries = fields.SetField(subfield=fields.StringField())
    anywhere = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001
        """Kept if every import of a library is at home."""
        strays = [
            f"{importer} -> {library}"
            for library in sorted(self._libraries(graph))
            for importer in sorted(graph.find_modules_that_directly_import(library))
            if not self._is_home(importer, library)
        ]
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Each import that is not at home."""
        for stray in check.metadata["strays"]:
            output.print_error(f"{stray}: only {self.probes}.{stray.rpartition(' ')[2]} may")

    def _libraries(self, graph: ImportGraph) -> Iterator[str]:
        probes = f"{self.probes}."
        named = {each.removeprefix(probes) for each in graph.modules if each.startswith(probes)}
        for name in {str(each) for each in self.libraries} | named:  # type: ignore[attr-defined]
            if name in graph.modules and graph.is_module_squashed(name):
                yield name

    def _is_home(self, importer: str, library: str) -> bool:
        free = tuple(str(each) for each in self.anywhere)  # type: ignore[attr-defined]
        if importer in free or importer.startswith(tuple(f"{each}." for each in free)):
            return True
        package, _, module = importer.rpartition(".")
        return package == str(self.probes) and _family(module) == _family(library)


def _family(name: str) -> str:
    """`_sqlalchemy_hooks` is of `sqlalchemy`, `psycopg_pool` of `psycopg`."""
    return name.lstrip("_").partition("_")[0]
