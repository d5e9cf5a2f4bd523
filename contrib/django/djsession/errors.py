"""What may go wrong, in kinds that are dealt with differently."""


class StoreError(Exception):
    """The store cannot be asked, or did not answer in time: nobody knows
    whether there is a session. Never to be taken for a logout."""


class Unreadable(StoreError):
    """A record that does not open: hands off."""


class TooBig(ValueError):
    """More session data than DJSESSION_MAX_SIZE; nothing was written."""


class Absent(Exception):
    """There is no such record, or its time is over."""


class Taken(Exception):
    """A record is there already, or it changed meanwhile."""


class Moved(Exception):
    """The key of the session was given up; `key` is the one in its place."""

    def __init__(self, key):
        super().__init__("the session has another key")
        self.key = key
