"""Errors that people read: one line, and what to do next. They leave with exit code 1."""

import click


class CliError(click.ClickException):
    """Something that the user can do something about."""


class ApiError(CliError):
    """The API answered with an error of HTTP status `status`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class ApiUnreachable(CliError):
    """Nobody answers at the API's URL."""
