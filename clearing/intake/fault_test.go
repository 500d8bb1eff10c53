package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/rules"
	"citycard/ledger"
)

// TestDatabaseFaults goes through the classes of SQLSTATEs: only what a record can cause may
// be its own.
func TestDatabaseFaults(t *testing.T) {
	for _, test := range []struct {
		code string
		want fault
		why  string
	}{
		{"21000", own, "one statement met a row twice: two of its values are alike"},
		{"22001", own, "a value is too long for its column"},
		{"22021", own, "a value has bytes that are no text"},
		{"22003", own, "a number is out of range"},
		{"23514", own, "a value breaks a check"},
		{"23505", own, "a value is there already"},
		{"44000", own, "a value breaks a view's check"},
		{"54000", own, "a value is larger than an index bears"},
		{"08006", passing, "the connection broke"},
		{"08P01", passing, "a proxy spoke out of turn"},
		{"0A000", passing, "the server does not know how"},
		{"25006", passing, "the server takes no writes"},
		{"28000", passing, "the user is refused"},
		{"3D000", passing, "the database is missing"},
		{"3F000", passing, "the schema is missing"},
		{"42501", passing, "a right is missing"},
		{"42P01", passing, "a table is missing"},
		{"53100", passing, "the disk is full"},
		{"53200", passing, "the server has no memory"},
		{"53400", passing, "a limit of the server is reached"},
		{"55000", passing, "an object is not ready"},
		{"55P03", passing, "a lock is not to be had"},
		{"57014", passing, "an administrator cancelled it"},
		{"57P01", passing, "the server shuts down"},
		{"58030", passing, "the disk cannot be read"},
		{"58P01", passing, "a file is missing"},
		{"XX000", passing, "the server failed inside"},
		{"XX001", passing, "a page is broken"},
		{"XX002", passing, "an index is broken"},
		{"XXUUU", passing, "a node of the cluster cannot say"},
		{"P0001", passing, "a function of somebody else raised it"},
		{"99999", passing, "nobody knows the class"},
		{"", passing, "there is no class"},
	} {
		err := fmt.Errorf("post: %w", &pgconn.PgError{Code: test.code})
		if got := faultOf(err); got != test.want {
			t.Errorf("%q is %d, want %d: %s", test.code, got, test.want, test.why)
		}
		// The rules read the database as well, and their errors are known as theirs.
		if got := faultOf(&judgingError{err}); got != test.want {
			t.Errorf("%q met by the rules is %d, want %d: %s", test.code, got, test.want, test.why)
		}
	}
}

// TestFaults goes through what is no answer of the database.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want fault
	}{
		{"a newer owner", ledger.ErrFenced, lost},
		{"a missing offset", &gapError{}, lost},
		{"the database is away", fmt.Errorf("%w: %w", ledger.ErrUnavailable, errors.New("no answer")), passing},
		{"nobody knows whether it was stored", fmt.Errorf("%w: %w", ledger.ErrOutcomeUnknown, io.ErrUnexpectedEOF), passing},
		{"the connection broke in the rules", &judgingError{fmt.Errorf("read: %w", io.ErrUnexpectedEOF)}, passing},
		{"no connection", &judgingError{fmt.Errorf("read: %w", &pgconn.ConnectError{})}, passing},
		{"the broker is away", errBroker, passing},
		{"the keys are outdated", &judgingError{keys.ErrOutdated}, passing},
		{"the rules are outdated", &judgingError{rules.ErrOutdated}, passing},
		{"time ran out", context.DeadlineExceeded, passing},
		{"an account refuses", &docket.RefusedError{Stuck: []docket.Stuck{{Err: &ledger.TransferError{}}}}, doubtful},
		{"nobody knows", errors.New("what is this"), doubtful},
		{"the batch is malformed", &ledger.BatchError{}, own},
		{"the rules failed", &judgingError{errors.New("no such rule")}, own},
	} {
		if got := faultOf(test.err); got != test.want {
			t.Errorf("%s is %d, want %d", test.name, got, test.want)
		}
	}
}
