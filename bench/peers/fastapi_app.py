"""The read operations of the task API with FastAPI, written like its tutorial: models and plain `def` handlers.

    uvicorn fastapi_app:app --workers 1 --no-access-log
"""

from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel

import store

app = FastAPI()


class Task(BaseModel):
    id: int
    title: str
    description: str | None
    status: Literal[store.STATUSES]
    priority: Literal[store.PRIORITIES]
    category: Literal[store.CATEGORIES]
    assignee: str | None
    estimated_hours: float | None
    actual_hours: float | None
    tags: list[str]
    dependencies: list[int]
    due_at: str | None
    created_at: str
    updated_at: str | None
    completed_at: str | None
    checksum: str


@app.get("/readyz")
def ready():
    return {"status": "ready"}


@app.get("/tasks/{task_id}")
def read(task_id: int) -> Task:
    found = store.one(task_id)
    if found is None:
        raise HTTPException(status_code=404)
    return found


@app.get("/tasks")
def page(
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
    status: Literal[store.STATUSES] | None = None,
    assignee: str | None = None,
) -> list[Task]:
    return store.page(limit, offset, status, assignee)
