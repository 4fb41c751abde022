"""The read operations of the task API with Flask, deployed as its documentation says: gunicorn with threads.

    gunicorn flask_app:app --workers 1 --threads 4
"""

from flask import Flask, abort, jsonify, request

import store

app = Flask(__name__)
app.json.sort_keys = False


@app.get("/readyz")
def ready():
    return jsonify(status="ready")


@app.get("/tasks/<int:task_id>")
def read(task_id):
    found = store.one(task_id)
    if found is None:
        abort(404)
    return jsonify(found)


@app.get("/tasks")
def page():
    limit = request.args.get("limit", 100, type=int)
    offset = request.args.get("offset", 0, type=int)
    status = request.args.get("status")
    assignee = request.args.get("assignee")
    known = status is None or status in store.STATUSES
    if not 1 <= limit <= 1000 or offset < 0 or not known:
        abort(422)
    return jsonify(store.page(limit, offset, status, assignee))
