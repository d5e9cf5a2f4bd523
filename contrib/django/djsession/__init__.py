"""Django sessions in the memcached records of mod_djsession.

From the top: backend (Django's SessionBase), conf (settings), commit (load,
save, move, end), revocation, changes (what a request did to the data), expiry
(dates), record and keyring (bytes and keys), store and memcached (where they
lie). doc/formats and doc/formats-memcache describe every byte.
"""

__version__ = "0.1.0"
