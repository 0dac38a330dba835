"""The kind of an option by its default, for libraries whose signatures are not annotated."""


def kind_of(default: object) -> str:
    """`any` for a default of None and for what has no default."""
    match default:
        case bool():
            return "flag"
        case int():
            return "whole"
        case float():
            return "number"
        case str():
            return "text"
    return "any"
