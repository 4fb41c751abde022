// The bookmarks service in Go.
package main

import (
	"embed"

	_ "service/bindings/wit_exports"
	"service/export_bookmarks_api_bookmarks"
	taskhost "service/sdk"
)

//go:embed migrations
var files embed.FS

func init() {
	taskhost.Serve(taskhost.Service{
		Name:      "Bookmarks",
		Version:   "0.1.0",
		Interface: "bookmarks:api/bookmarks",
		Routes: []taskhost.Route{
			{Pattern: "POST /bookmarks", Function: "create", Success: 201, Location: "/bookmarks/{id}"},
			{Pattern: "GET /bookmarks", Function: "list", Success: 200},
			{Pattern: "GET /bookmarks/{id}", Function: "get", Success: 200},
			{Pattern: "DELETE /bookmarks/{id}", Function: "delete", Success: 204},
			{Pattern: "GET /uuid", Function: "uuid", Success: 200},
			{Pattern: "GET /clock", Function: "clock", Success: 200},
			{Pattern: "GET /print", Function: "print", Success: 204},
			{Pattern: "GET /panic", Function: "panic", Success: 204},
		},
		Files: files,
		Check: export_bookmarks_api_bookmarks.SelfTest,
	})
}

func main() {}
