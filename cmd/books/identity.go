package books

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger/schema"
)

// identityFile is where a data directory has the identity of its books (ledger.Ledger.ID). It is
// written once, by the first process that opens books there to change them.
const identityFile = "books.id"

var identityLine = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$`)

// belongsTo is the identity of the books that a data directory belongs to; empty while it belongs
// to none. Of a directory that this user may not read a command uses nothing: it has none either.
func belongsTo(data string) (string, error) {
	if data == "" {
		return "", nil
	}
	path := filepath.Join(data, identityFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "", nil
	case err != nil:
		return "", service.Fail("cannot read %s", path).Todo("check the data directory").Because(err)
	case !identityLine.Match(text):
		return "", service.Refuse("%s does not say to which books the data directory belongs", path).Todo("put it back from its backup; if the directory is surely that of --db, remove the file")
	}
	return string(text[:len(text)-1]), nil
}

// Identify refuses a database whose books are not those of the data directory. It changes nothing.
func Identify(ctx context.Context, url, data string) error {
	want, err := belongsTo(data)
	if err != nil || want == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	conn, err := schema.Connect(ctx, url)
	if err != nil {
		return Refusal(url, err)
	}
	var found string
	err = conn.QueryRow(ctx, "SELECT id::TEXT FROM books WHERE one = 1").Scan(&found)
	if pg := (*pgconn.PgError)(nil); errors.Is(err, pgx.ErrNoRows) || errors.As(err, &pg) && pg.Code == "42P01" {
		err = nil // no books
	}
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return Refusal(url, err)
	}
	return compare(url, data, want, found)
}

func compare(url, data, want, found string) error {
	todo := language.Textf("give --data of the city whose books these are, or --db of the data directory's; a backup that is restored has the same identity")
	switch found {
	case want:
		return nil
	case "":
		return service.Refuse("data directory %s belongs to the books %s, and database %s has no books", data, want, name(url)).Todo("%w", todo)
	}
	return service.Refuse("data directory %s belongs to the books %s, and database %s has the books %s", data, want, name(url), found).Todo("%w", todo)
}

// remember has a data directory belong to the opened books, if it belongs to none. A directory that
// citycard has not marked stays as it is.
func (b *Books) remember(ctx context.Context, data string) error {
	if data == "" || !service.Marked(data, DataPurpose) {
		return nil
	}
	id, err := b.ID(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(data, identityFile)
	for range 2 {
		want, err := belongsTo(data)
		if err != nil {
			return err
		}
		if want != "" {
			return compare(b.URL, data, want, id)
		}
		err = durable.WriteNew(path, func(w io.Writer) error {
			_, err := io.WriteString(w, id+"\n")
			return err
		})
		if !errors.Is(err, fs.ErrExist) { // where another process came first, its word counts
			if err != nil {
				err = service.Fail("cannot write %s", path).Todo("make the data directory writable for this user, and free some space").Because(err)
			}
			return err
		}
	}
	return service.Fail("cannot read %s", path).Todo("check the data directory")
}
