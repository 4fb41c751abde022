package taskhost

import (
	"io/fs"
	"path"
	"strings"

	platform "service/bindings/task_host_platform_service"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Service describes a service.
type Service struct {
	// The title of the API's documentation, and the version of the logic.
	Name, Version string
	// The interface of the operations, such as notes:api/notes.
	Interface string
	Routes    []Route
	// Bounds on the values of requests, which the host checks before it calls the logic.
	Constraints []Constraint
	// Files with the folder migrations, whose files are called 0001-notes.sqlite.sql and 0001-notes.postgres.sql, and
	// the folder web with the page.
	Files fs.FS
	// Runs before this version serves, and is rolled back. If it fails, no client sees this version.
	Check func() error
	// Returns figures for GET /health.
	Health func() (map[string]int64, error)
}

// Route is one operation of the HTTP API. GET routes only read.
type Route struct {
	// Such as GET /notes/{id}. Each name in braces is a parameter of the function.
	Pattern string
	// The function in the WIT.
	Function string
	// The HTTP status of a success.
	Success uint16
	// The Location header of a success, such as /notes/{id}.
	Location string
}

// Constraint bounds the values of one place, such as draft.text. Zero sets no bound.
type Constraint struct {
	Place                string
	MinLength, MaxLength uint32
	Pattern, Format      string
}

var service Service

// Serve sets the service. Call it in an init function of the package main.
func Serve(s Service) { service = s }

var methods = map[string]platform.Method{
	"GET":    platform.MethodGet,
	"POST":   platform.MethodPost,
	"PUT":    platform.MethodPut,
	"PATCH":  platform.MethodPatch,
	"DELETE": platform.MethodDelete,
}

// The media types of files that browsers load.
var mediaTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ico":   "image/x-icon",
	".jpg":   "image/jpeg",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".webp":  "image/webp",
	".woff2": "font/woff2",
}

// optional returns nothing for the value that means none.
func optional[T comparable](value T) wit.Option[T] {
	var zero T
	if value == zero {
		return wit.None[T]()
	}
	return wit.Some(value)
}

// Describe answers the host's question for routes, migrations and constraints.
func Describe() platform.Description {
	description := platform.Description{Name: service.Name, Version: service.Version, Migrations: migrations()}
	none := wit.None[string]()
	for _, route := range service.Routes {
		name, path, _ := strings.Cut(route.Pattern, " ")
		method, known := methods[name]
		if !known {
			panic("a pattern begins with a method, such as GET /notes: " + route.Pattern)
		}
		access := platform.AccessWrite
		if method == platform.MethodGet {
			access = platform.AccessRead
		}
		description.Routes = append(description.Routes, platform.Route{
			Method: method, Path: path, Operation: service.Interface + "#" + route.Function, Access: access,
			Success: route.Success, Location: optional(route.Location), Body: none, Etag: none, Next: none,
		})
	}
	number := wit.None[float64]()
	for _, constraint := range service.Constraints {
		description.Constraints = append(description.Constraints, platform.Constraint{
			Place:     service.Interface + "#" + constraint.Place,
			MinLength: optional(constraint.MinLength), MaxLength: optional(constraint.MaxLength),
			Pattern: optional(constraint.Pattern), Format: optional(constraint.Format),
			Minimum: number, Maximum: number, ExclusiveMinimum: number, ExclusiveMaximum: number,
			MinItems: wit.None[uint32](), MaxItems: wit.None[uint32](), Enforced: wit.None[bool](),
		})
	}
	return description
}

// migrations returns the steps of the schema, in the order of their names.
func migrations() []platform.Migration {
	var found []platform.Migration
	for _, file := range files("migrations") {
		name, engine, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), ".")
		if len(found) == 0 || found[len(found)-1].Name != name {
			found = append(found, platform.Migration{Name: name})
		}
		step := &found[len(found)-1]
		switch text := string(read(file)); engine {
		case "sqlite":
			step.Sqlite = text
		case "postgres":
			step.Postgres = text
		case "":
			step.Sqlite, step.Postgres = text, text
		default:
			panic("a migration is called 0001-notes.sqlite.sql or 0001-notes.postgres.sql: " + file)
		}
	}
	return found
}

// Assets answers the host's question for the files of the page.
func Assets() []platform.Asset {
	var found []platform.Asset
	for _, file := range files("web") {
		mediaType, known := mediaTypes[path.Ext(file)]
		if !known {
			panic("the media type of the file is unknown: " + file)
		}
		served := strings.TrimSuffix(strings.TrimPrefix(file, "web"), "index.html")
		found = append(found, platform.Asset{Path: served, MediaType: mediaType, Content: read(file)})
	}
	return found
}

// files returns the files of a folder, in order. A service without files has none.
func files(folder string) []string {
	var found []string
	if service.Files == nil {
		return nil
	}
	fs.WalkDir(service.Files, folder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, name)
		}
		return nil
	})
	return found
}

func read(file string) []byte {
	content, err := fs.ReadFile(service.Files, file)
	if err != nil {
		panic(err)
	}
	return content
}

// Check answers the host's question whether this version can serve.
func Check() wit.Result[wit.Unit, string] {
	if service.Check != nil {
		if err := service.Check(); err != nil {
			return wit.Err[wit.Unit](err.Error())
		}
	}
	return wit.Ok[wit.Unit, string](wit.Unit{})
}

// Health answers the host's question for figures.
func Health() wit.Result[[]wit.Tuple2[string, int64], string] {
	var figures []wit.Tuple2[string, int64]
	if service.Health != nil {
		found, err := service.Health()
		if err != nil {
			return wit.Err[[]wit.Tuple2[string, int64]](err.Error())
		}
		for name, value := range found {
			figures = append(figures, wit.Tuple2[string, int64]{F0: name, F1: value})
		}
	}
	return wit.Ok[[]wit.Tuple2[string, int64], string](figures)
}
