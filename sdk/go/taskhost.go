// Package taskhost writes the logic of a task-host service in Go: statements, problems, and the answers to the host's
// questions about the service.
//
// An operation is a function of the package that the bindings name after the interface, such as export_notes_api_notes.
// It returns a [wit.Result], which [Answer] makes. An instance lives for one request.
package taskhost

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"service/bindings/task_host_platform_events"
	"service/bindings/task_host_platform_sql"
	"service/bindings/task_host_platform_types"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// Problem is the answer to a request that fails.
type Problem = task_host_platform_types.Problem

// Refusal is a problem as an error.
type Refusal struct{ Problem }

func (r *Refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Title)
}

// Refuse returns an error that becomes a problem: an HTTP status of 400 to 599, a stable code in kebab-case, and a
// title.
func Refuse(status uint16, code, title string) *Refusal {
	return &Refusal{Problem{Status: status, Code: code, Title: title, Detail: wit.None[string]()}}
}

// Answer runs an operation and returns its result. An error that is no [Refusal] is a defect, as is a panic: it is
// logged, a panic with its stack, and the client gets 500 without its text.
//
// Without it the message of a panic would be lost: Go's runtime waits before it prints one, and waiting ends a request.
func Answer[T any](operation func() (T, error)) (result wit.Result[T, Problem]) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", cause, debug.Stack())
			result = wit.Err[T](defect.Problem)
		}
	}()
	value, err := operation()
	if err == nil {
		return wit.Ok[T, Problem](value)
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		fmt.Fprintln(os.Stderr, err)
		refusal = defect
	}
	return wit.Err[T](refusal.Problem)
}

var defect = Refuse(500, "service-failed", "The service has a defect")

// Done is [Answer] for an operation without a value.
func Done(operation func() error) wit.Result[wit.Unit, Problem] {
	return Answer(func() (wit.Unit, error) { return wit.Unit{}, operation() })
}

// Failure is a statement that failed. The transaction cannot continue: return an error.
type Failure struct{ task_host_platform_sql.Failure }

func (f *Failure) Error() string { return "a statement failed: " + f.Detail }

// IsUnique returns whether a statement broke a unique constraint or a primary key.
func IsUnique(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && failure.Cause == task_host_platform_sql.CauseUnique
}

// Rows are the rows that a statement returned.
type Rows struct{ rows task_host_platform_sql.Rows }

// Query runs a statement that returns rows. `$n` is the nth of the values after it: int, int64, float64, string, bool,
// []byte or nil.
func Query(statement string, values ...any) (Rows, error) {
	result := task_host_platform_sql.Query(statement, parameters(values))
	if result.IsErr() {
		return Rows{}, &Failure{result.Err()}
	}
	return Rows{result.Ok()}, nil
}

// Execute runs a statement that returns no rows, and returns the number of rows that it changed.
func Execute(statement string, values ...any) (uint64, error) {
	result := task_host_platform_sql.Execute(statement, parameters(values))
	if result.IsErr() {
		return 0, &Failure{result.Err()}
	}
	return result.Ok(), nil
}

func parameters(values []any) []task_host_platform_sql.Value {
	found := make([]task_host_platform_sql.Value, len(values))
	for at, value := range values {
		switch value := value.(type) {
		case nil:
			found[at] = task_host_platform_sql.MakeValueNull()
		case bool:
			found[at] = task_host_platform_sql.MakeValueBoolean(value)
		case int:
			found[at] = task_host_platform_sql.MakeValueInteger(int64(value))
		case int64:
			found[at] = task_host_platform_sql.MakeValueInteger(value)
		case float64:
			found[at] = task_host_platform_sql.MakeValueReal(value)
		case string:
			found[at] = task_host_platform_sql.MakeValueText(value)
		case []byte:
			found[at] = task_host_platform_sql.MakeValueBlob(value)
		default:
			panic(fmt.Sprintf("the value of $%d has the type %T, which no column has", at+1, value))
		}
	}
	return found
}

// Len returns the number of rows.
func (r Rows) Len() int {
	if r.rows.Width == 0 {
		return 0
	}
	return len(r.rows.Cells) / int(r.rows.Width)
}

func (r Rows) cell(row, column int) task_host_platform_sql.Cell {
	return r.rows.Cells[row*int(r.rows.Width)+column]
}

func (r Rows) bytes(span task_host_platform_sql.Span) []byte {
	return r.rows.Heap[span.Start : span.Start+span.Len]
}

// Int returns the integer in a row and a column, both from 0. It panics if the value is no integer.
func (r Rows) Int(row, column int) int64 { return r.cell(row, column).Integer() }

// Float returns the number with a fraction in a row and a column.
func (r Rows) Float(row, column int) float64 { return r.cell(row, column).Real() }

// Text returns the text in a row and a column.
func (r Rows) Text(row, column int) string { return string(r.bytes(r.cell(row, column).Text())) }

// Blob returns the bytes in a row and a column.
func (r Rows) Blob(row, column int) []byte { return r.bytes(r.cell(row, column).Blob()) }

// IsNull returns whether the value in a row and a column is null.
func (r Rows) IsNull(row, column int) bool {
	return r.cell(row, column).Tag() == task_host_platform_sql.CellNull
}

// Publish publishes an event for the clients that follow GET /events: what happened, such as note.created, and what it
// happened to. They receive it if the transaction commits.
func Publish(kind string, subject any) {
	event := task_host_platform_events.Event{Kind: kind, Subject: strings.TrimSpace(fmt.Sprint(subject))}
	task_host_platform_events.Publish(event)
}
