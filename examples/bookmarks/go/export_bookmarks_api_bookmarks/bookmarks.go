// Package export_bookmarks_api_bookmarks has the operations.
package export_bookmarks_api_bookmarks

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"service/bindings/bookmarks_api_bookmarks"
	taskhost "service/sdk"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

type (
	Bookmark = bookmarks_api_bookmarks.Bookmark
	Draft    = bookmarks_api_bookmarks.Draft
	Problem  = taskhost.Problem
)

var notFound = taskhost.Refuse(404, "bookmark-not-found", "No such bookmark")

func Create(draft Draft) wit.Result[Bookmark, Problem] {
	return taskhost.Answer(func() (Bookmark, error) { return create(draft) })
}

func List() wit.Result[[]Bookmark, Problem] {
	return taskhost.Answer(func() ([]Bookmark, error) {
		return all(taskhost.Query("SELECT id, url FROM bookmarks ORDER BY id"))
	})
}

func Get(id int64) wit.Result[Bookmark, Problem] {
	return taskhost.Answer(func() (Bookmark, error) { return get(id) })
}

func Delete(id int64) wit.Result[wit.Unit, Problem] {
	return taskhost.Done(func() error {
		changed, err := taskhost.Execute("DELETE FROM bookmarks WHERE id = $1", id)
		if err == nil && changed == 0 {
			err = notFound
		}
		return err
	})
}

func Uuid() wit.Result[string, Problem] {
	return taskhost.Answer(func() (string, error) {
		var b [16]byte
		rand.Read(b[:])
		b[6] = b[6]&0x0f | 0x40
		b[8] = b[8]&0x3f | 0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
	})
}

func Clock() wit.Result[int64, Problem] {
	return taskhost.Answer(func() (int64, error) { return time.Now().Unix(), nil })
}

func Print(text string) wit.Result[wit.Unit, Problem] {
	return taskhost.Done(func() error {
		fmt.Println(text)
		fmt.Fprintln(os.Stderr, text)
		return nil
	})
}

func Panic(message string) wit.Result[wit.Unit, Problem] {
	return taskhost.Done(func() error { panic(message) })
}

// SelfTest saves an address and reads it again.
func SelfTest() error {
	saved, err := create(Draft{Url: "https://example.com/"})
	if err != nil {
		return err
	}
	found, err := get(saved.Id)
	if err == nil && found != saved {
		err = fmt.Errorf("%v was saved as %v", saved, found)
	}
	return err
}

func create(draft Draft) (Bookmark, error) {
	return one(taskhost.Query("INSERT INTO bookmarks (url) VALUES ($1) RETURNING id, url", draft.Url))
}

func get(id int64) (Bookmark, error) {
	return one(taskhost.Query("SELECT id, url FROM bookmarks WHERE id = $1", id))
}

func all(rows taskhost.Rows, err error) ([]Bookmark, error) {
	bookmarks := make([]Bookmark, rows.Len())
	for row := range bookmarks {
		bookmarks[row] = Bookmark{Id: rows.Int(row, 0), Url: rows.Text(row, 1)}
	}
	return bookmarks, err
}

func one(rows taskhost.Rows, err error) (Bookmark, error) {
	bookmarks, err := all(rows, err)
	if err == nil && len(bookmarks) == 0 {
		err = notFound
	}
	if err != nil {
		return Bookmark{}, err
	}
	return bookmarks[0], nil
}
