"""What the page asks about the subject library: its list, and to rename or delete one."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from ..errors import KMCError
from ..subject.catalogue import delete_subject, list_subjects, rename_subject
from . import folders


def add_routes(routes: web.RouteTableDef) -> None:
    """GET /kmc/subjects: all entries. POST /kmc/subjects/rename {name, to}, /kmc/subjects/delete {name}."""
    routes.get("/kmc/subjects")(_list)
    routes.post("/kmc/subjects/rename")(_answering(_rename))
    routes.post("/kmc/subjects/delete")(_answering(_delete))


async def _list(request: web.Request) -> web.Response:
    entries = await asyncio.to_thread(list_subjects, folders.subject_folders())
    return web.json_response([asdict(entry) for entry in entries])


def _rename(body: Any) -> None:
    name, to = str(body["name"]), str(body["to"])
    below = name[: name.rfind("/") + 1]  # the folder inside the library, which a rename does not change
    rename_subject(folders.subject_path(name), to.removeprefix(below))


def _delete(body: Any) -> None:
    delete_subject(folders.subject_path(str(body["name"])))


def _answering(action: Callable[[Any], None]) -> Any:
    """A handler that does the action with the request's JSON, and answers what is wrong by {"error": ...}."""

    async def handler(request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # other types a page of another site may send
            return web.json_response({"error": "Send JSON, of content type application/json."}, status=415)
        try:
            await asyncio.to_thread(action, await request.json())
        except KMCError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (KeyError, TypeError, ValueError, OSError) as error:
            return web.json_response({"error": f"The library could not do this: {error}."}, status=400)
        return web.json_response({})

    return handler
