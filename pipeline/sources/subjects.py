"""The identities on an event in, the subject that routes it out, the same for a contact's life.

A subject decides the shard, so all events of a contact or ticket must have one, also those that
carry less than the first did. Every identity is bound to a subject at first sight, per site. The
map follows the log: what is saved carries the log position up to which it is complete, and the
records after it are observed again after a crash.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

from pipeline.sources.subject_store import Binding, Key, Progress, SubjectStore

__all__ = ["Identities", "Progress", "SubjectMap"]

_LIVES = ("contact", "ticket")
"""Kinds whose subject holds for their life and which are forgotten after it; the rest stays."""
_PERSONS = ("customer", "phone", "account")
_ABOUT_TICKETS = frozenset({"ticket", "task", "followup", "escalation"})
_ABOUT_AGENTS = frozenset({"agent", "schedule"})
_LINK = "link"
_TOUCH_EVERY_MS = 3_600_000
"""The time of the last touch is kept to the hour: else every event would write to the disk."""
_LONGEST_ID = 500


class Identities(NamedTuple):
    """What an event says of who and what it is about.

    `family` is its type up to the dot. It decides whose life counts if both a contact and a
    ticket are named and their subjects differ: that of the ticket in the families ticket, task,
    followup and escalation, else that of the contact. The families agent and schedule are the
    agent's. `fallback` is a key such as "problem:77" for an event without any identity.
    """

    contact_id: str | None = None
    root_contact_id: str | None = None
    ticket_id: str | None = None
    customer_id: str | None = None
    phone_hash: str | None = None
    account_hash: str | None = None
    agent_id: str | None = None
    family: str = ""
    fallback: str = ""


class SubjectMap:
    """The bindings of all sites, kept in one SQLite file. For one thread at a time."""

    def __init__(self, path: Path, *, remembered: int = 50_000) -> None:
        """Open the map, or make one.

        Args:
            path: of the SQLite file; its directory exists.
            remembered: how many bindings at least stay in memory, at most twice as many, besides
                those that are not saved yet: some 400 bytes each.

        Raises:
            LogInUse: another process holds the file.
            LogCorrupt: it is damaged.
            LogError: it cannot be opened, or is of another version.
        """
        self._store = SubjectStore(path)
        self._applied = self._store.position
        self._counts = dict(self._store.counts)
        self._remembered = remembered
        # Two generations: as bounded as a list in the order of use, and a hit moves nothing.
        self._recent: dict[Key, Binding | None] = {}
        self._older: dict[Key, Binding | None] = {}
        self._unsaved: dict[Key, Binding] = {}
        self._unsaved_progress: dict[str, Progress] = {}

    @property
    def applied_position(self) -> str | None:
        """The log position that was saved last; None in a new map."""
        return self._applied

    @property
    def unsaved(self) -> int:
        """Bindings that live in memory only, for a metric; `save` brings it to 0."""
        return len(self._unsaved)

    @property
    def entries(self) -> dict[str, int]:
        """Bindings by kind (contact, ticket, customer, phone, account, link), for a metric."""
        return dict(self._counts)

    def subject(self, site: str, identities: Identities, *, now_ms: int) -> str:
        """The subject of an event; identities that it names first are bound to it.

        That of its contact, its root contact or its ticket; else of its customer, its phone or
        its account; else a new one, named after the customer, phone, root contact, contact,
        ticket or account. "" if there is nothing to go by.

        Args:
            site: of the event: bindings are separate per site.
            identities: of the event.
            now_ms: its ingest time, in milliseconds since the epoch.

        Raises:
            LogError: the file cannot be read.
        """
        keys = _keys(site, identities)
        if not keys:
            if identities.agent_id:
                return f"agent:{_plain(identities.agent_id)}"
            return _plain(identities.fallback)
        chosen = ""
        unbound = []
        for key in keys:
            binding = self._find(key, now_ms)
            if not binding:
                unbound.append(key)
            elif not chosen:
                chosen = binding.subject
                if key[1] not in _LIVES:
                    chosen = self._linked(site, chosen)
        if not chosen:
            chosen = self._linked(site, _new_subject(identities))
        for key in unbound:
            self._bind(key, chosen, now_ms)
        return chosen

    def observe(self, site: str, identities: Identities, subject: str, *, now_ms: int) -> None:
        """Take in an event of the log, in its order: bind what is unbound to its own subject.

        Raises:
            LogError: the file cannot be read.
        """
        if subject:
            for key in _keys(site, identities):
                if not self._find(key, now_ms):
                    self._bind(key, subject, now_ms)

    def link(self, site: str, first: str, second: str, *, now_ms: int = 0) -> None:
        """From now on, route later contacts of the second subject to the first one's subject.

        Contacts and tickets that are bound keep theirs. Linking again changes nothing.

        Args:
            site: of the event `identity.linked`.
            first: a subject, as `subject` returns it.
            second: another.
            now_ms: ingest time of the event.

        Raises:
            LogError: the file cannot be read.
        """
        first, second = _plain(first), _plain(second)
        own = self._find(_key_of(site, first), now_ms)
        target = self._linked(site, own.subject if own else first)
        key = _key_of(site, second)
        if key[1] in _PERSONS:
            self._bind(key, target, now_ms)
        # Others were bound to the second subject: its phones, say. They follow by this.
        last = self._linked(site, second)
        if last != target:
            self._bind((site, _LINK, last), target, now_ms)

    def progress(self, domain: str) -> Progress | None:
        """How far an ingest is; None if it is unknown.

        Raises:
            LogError: the file cannot be read.
        """
        if domain in self._unsaved_progress:
            return self._unsaved_progress[domain]
        return self._store.progress(domain)

    def ingests(self) -> dict[str, Progress]:
        """How far every ingest is that was ever begun, by domain.

        Raises:
            LogError: the file cannot be read.
        """
        return {**self._store.ingests(), **self._unsaved_progress}

    def set_progress(self, domain: str, progress: Progress) -> None:
        """Note how far an ingest is; it is kept with the next `save`."""
        self._unsaved_progress[domain] = progress

    def save(self, position: str) -> None:
        """Keep all bindings and progress, together with the position they are complete up to.

        A power cut may undo the last saves, whole and in order; the position tells.

        Raises:
            LogFull: no space; nothing of this save is kept and it may be tried again.
            LogError: the file cannot be written.
        """
        self._store.save(self._unsaved, self._unsaved_progress, position)
        self._applied = position
        self._unsaved.clear()
        self._unsaved_progress.clear()

    def purge(self, older_than_ms: int) -> int:
        """Forget contacts and tickets that no event named since; customers and phones stay.

        The time of the last event is known to the hour, so some stay for an hour longer.

        Returns:
            How many saved bindings were forgotten.

        Raises:
            LogFull: no space. Nothing was forgotten.
            LogError: the file cannot be written.
        """
        gone = self._store.forget(_LIVES, older_than_ms - _TOUCH_EVERY_MS)
        for key in gone:
            # Named again since the last save: that save brings it back.
            if key not in self._unsaved:
                self._counts[key[1]] -= 1
        self._recent.clear()
        self._older.clear()
        return len(gone)

    def close(self) -> None:
        """Close the file; what is not saved is dropped."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, key: Key, now_ms: int) -> Binding | None:
        """What an identity is bound to; a contact or ticket counts as seen now."""
        try:
            binding = self._recent[key]
        except KeyError:
            binding = self._find_elsewhere(key)
            self._remember(key, binding)
        if binding and now_ms - binding.touched_ms > _TOUCH_EVERY_MS and key[1] in _LIVES:
            binding = self._unsaved[key] = Binding(binding.subject, now_ms)
            self._remember(key, binding)
        return binding

    def _find_elsewhere(self, key: Key) -> Binding | None:
        if key in self._older:
            return self._older[key]
        if key in self._unsaved:
            return self._unsaved[key]
        return self._store.find(key)

    def _bind(self, key: Key, subject: str, now_ms: int) -> None:
        if not self._find(key, now_ms):
            self._counts[key[1]] = self._counts.get(key[1], 0) + 1
        binding = self._unsaved[key] = Binding(subject, now_ms)
        self._remember(key, binding)

    def _remember(self, key: Key, binding: Binding | None) -> None:
        if len(self._recent) >= self._remembered:
            self._older, self._recent = self._recent, {}
        self._recent[key] = binding

    def _linked(self, site: str, subject: str) -> str:
        """Where later contacts of a subject go. Ends: a link is made from a last to a last."""
        if self._counts.get(_LINK):
            while link := self._find((site, _LINK, subject), 0):
                subject = link.subject
        return subject


def _keys(site: str, given: Identities) -> list[Key]:
    """What to look up and bind, in the order in which it decides; none for an agent's events."""
    if given.family in _ABOUT_AGENTS:
        return []
    keys: list[Key] = []
    if given.contact_id:
        keys.append((site, "contact", _plain(given.contact_id)))
    if given.root_contact_id:
        keys.append((site, "contact", _plain(given.root_contact_id)))
    if given.ticket_id:
        first = 0 if given.family in _ABOUT_TICKETS else len(keys)
        keys.insert(first, (site, "ticket", _plain(given.ticket_id)))
    if given.customer_id:
        keys.append((site, "customer", _plain(given.customer_id)))
    if given.phone_hash:
        keys.append((site, "phone", _plain(given.phone_hash)))
    if given.account_hash:
        keys.append((site, "account", _plain(given.account_hash)))
    return keys


def _new_subject(given: Identities) -> str:
    for kind, identity in (
        ("customer", given.customer_id),
        ("phone", given.phone_hash),
        ("contact", given.root_contact_id),
        ("contact", given.contact_id),
        ("ticket", given.ticket_id),
        ("account", given.account_hash),
    ):
        if identity:
            return f"{kind}:{_plain(identity)}"
    return ""


def _key_of(site: str, subject: str) -> Key:
    """The identity that a subject is named after."""
    kind, _, identity = subject.partition(":")
    return (site, kind, identity)


def _plain(identity: str) -> str:
    """An identity that every store takes: not endless, and no half of a UTF-16 pair in it."""
    if len(identity) > _LONGEST_ID:
        return sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    if identity.isascii():
        return identity
    return identity.encode("utf-8", "backslashreplace").decode()
