-- Creates a task with each request: a body of common size, the same each time.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{
  "title": "Measure the speed of creating a task",
  "description": "One durable write a request, with every member that clients commonly send.",
  "priority": "high",
  "category": "testing",
  "assignee": "alex",
  "estimated_hours": 2.5,
  "tags": ["benchmark", "storage"]
}]]
