"""`piboothup events`: list the events and albums of the API key and mark the current ones."""

from __future__ import annotations

import argparse

from piboothup.clock import SystemClock
from piboothup.commands.common import OK, CommandFails, load_effective, open_spool
from piboothup.problems import problem
from piboothup.spool import choices
from piboothup.uploader.eventpics import EventPicsApi
from piboothup.uploader.outcomes import ApiCall, decide
from piboothup.uploader.schedule.link_status import link_problem
from piboothup.uploader.transport.errors import UploaderError


def run(given: argparse.Namespace) -> int:
    """Print the events and albums of the key. Raises CommandFails."""
    loaded = load_effective(given, needs_key=True).config
    key = loaded.read_key()
    if key is None:
        raise CommandFails(str(problem("no_key", loaded.no_key_detail)))
    try:
        answer = EventPicsApi(loaded.eventpics.api_url, key, SystemClock()).events()
    except UploaderError as error:
        outcome = error.outcome
        raise CommandFails(str(link_problem(decide(ApiCall.EVENTS, outcome), outcome)[1])) from None
    spool, _ = open_spool(loaded)
    here = choices.read(spool.directory, loaded).over(loaded).eventpics
    for event in answer.events:
        chosen = event.link_id == here.link_id
        print(f"{'*' if chosen else ' '} {event.link_id}  {event.title}")
        for album in event.albums:
            marked = chosen and album.id == here.album_id
            print(f"  {'*' if marked else ' '} {album.id}  {album.title}")
    return OK
