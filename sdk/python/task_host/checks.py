"""Bounds on the values of requests. The host checks them before it calls the logic."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Check:
    """Bounds on one value, as in `Annotated[str, Check(max_length=2048, format="uri")]`.

    If a value breaks a bound, the host answers 422 with a pointer to the value. The bounds are in the API's
    documentation. `constraint` in the platform's `service.wit` describes each of them.
    """

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool | None = None
    message: str | None = None
    enforced: bool | None = None

    def bounds(self) -> dict[str, object]:
        """Returns the bounds that are set."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}
