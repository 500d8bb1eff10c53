package books

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger/schema"
)

// letReaderIn gives the role of those who look a password, for as long as the private database at a
// URL runs, and returns the URL by which they reach it.
func letReaderIn(ctx context.Context, at string) (string, error) {
	reader, err := url.Parse(at)
	if err != nil {
		return "", language.Textf("the database's URL: %w", err)
	}
	conn, err := schema.Connect(ctx, at)
	if err != nil {
		return "", err
	}
	password := rand.Text() // letters and digits
	_, err = conn.Exec(ctx, "ALTER ROLE "+schema.Reader+" WITH LOGIN PASSWORD '"+password+"'")
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return "", language.Textf("let those who look into the private database: %w", err)
	}
	reader.User = url.UserPassword(schema.Reader, password)
	query := reader.Query()
	query.Del("sslcert") // which are those of another user
	query.Del("sslkey")
	reader.RawQuery = query.Encode()
	return reader.String(), nil
}

// CheckLook refuses the URL of --db-look if its user may do more than look.
func CheckLook(ctx context.Context, at string) error {
	if at == "" {
		return nil
	}
	conn, err := schema.Connect(ctx, at)
	if err != nil {
		return service.Unreachable("cannot use the database of --db-look").Todo("correct --db-look").Because(err)
	}
	excess, err := schema.Excess(ctx, conn, Sets()...)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return service.Unreachable("cannot use the database of --db-look").Todo("correct --db-look").Because(err)
	}
	if len(excess) > 0 {
		return service.Refuse("the user of --db-look may do more than look: it has rights to %s", strings.Join(excess, ", ")).Todo("name the user %s", schema.Reader)
	}
	return nil
}
