package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"

	"citycard/clearing/persons"
	"citycard/language"
)

// FindPerson signs that somebody asks for a person, and why. A dry run gives nobody.
func (c *Client) FindPerson(ctx context.Context, of persons.Certificate, reason string, dry bool) (FoundPerson, error) {
	signed, err := c.sign(ctx, persons.ActRead, persons.ReadText, reason, dry)
	if err != nil {
		return FoundPerson{}, err
	}
	body, err := encode(Finding{of.Number, signed})
	if err != nil {
		return FoundPerson{}, err
	}
	return ask[FoundPerson](ctx, c, call{method: http.MethodPost, path: "/v1/persons/find" + rehearsed(dry), body: body, once: true})
}

// PersonImport asks what an import of persons matched.
func (c *Client) PersonImport(ctx context.Context, number int64) (PersonImport, error) {
	return ask[PersonImport](ctx, c, call{method: http.MethodGet, path: fmt.Sprintf("/v1/persons/imports/%d", number), looks: true})
}

// PersonRejects passes the lines of an import that changed nothing, in order.
func (c *Client) PersonRejects(ctx context.Context, number int64, each func(persons.Reject) error) error {
	for after := int32(0); ; {
		path := fmt.Sprintf("/v1/persons/imports/%d/rejects?after=%d", number, after)
		page, err := ask[RejectPage](ctx, c, call{method: http.MethodGet, path: path, looks: true})
		if err != nil {
			return err
		}
		for i := range page.Rejects {
			if err := each(page.Rejects[i].Reject()); err != nil {
				return err
			}
		}
		if page.Next <= after {
			return nil
		}
		after = page.Next
	}
}

// RosterOrder is a roster to be imported over the API, and why.
type RosterOrder struct {
	persons.Source
	Charset persons.Charset
	Rows    int64
	Undo    bool // what is in the way is undone
	Reason  string
	Dry     bool
}

func (o *RosterOrder) opened() persons.Opened {
	return persons.Opened{File: hex.EncodeToString(o.Hash[:]), Size: o.Size, Charset: o.Charset}
}

func (o *RosterOrder) query() url.Values {
	return url.Values{
		"sha256": {hex.EncodeToString(o.Hash[:])}, "size": {strconv.FormatInt(o.Size, 10)}, "encoding": {string(o.Charset)},
		"rows": {strconv.FormatInt(o.Rows, 10)}, "undo": {strconv.FormatBool(o.Undo)}, "dry_run": {strconv.FormatBool(o.Dry)},
	}
}

// ImportPersons signs a roster, sends it, signs it once more when it has gone, since a signature is
// good for minutes alone, and passes on what the server says meanwhile. begun says that there is an
// import of the roster, which goes on when it is sent again.
func (c *Client) ImportPersons(ctx context.Context, o *RosterOrder, each func(*ImportLine)) (last ImportLine, begun bool, err error) {
	undo, err := c.undoing(ctx, o)
	if err != nil {
		return last, false, err
	}
	opened := o.opened()
	first, err := c.sign(ctx, persons.ActImport, opened.Text(), o.Reason, o.Dry)
	if err != nil {
		return last, false, err
	}
	body, in := io.Pipe()
	form := multipart.NewWriter(in)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+importPath+"?"+o.query().Encode(), body)
	if err == nil {
		err = setSigned(request, first.chain())
	}
	if err != nil {
		return last, false, err
	}
	request.Header.Set("Accept-Language", c.language.String())
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Expect", "100-continue") // who may not is told before anything is sent
	sent := make(chan error, 1)
	go func() {
		err := c.sendRoster(ctx, o, undo, form)
		_ = in.CloseWithError(err) // it never fails
		sent <- err
	}()
	response, err := c.http.Do(request)
	if err != nil {
		err = c.cutOff(err)
	} else {
		defer response.Body.Close()
		last, begun, err = c.importLines(response, each)
	}
	_ = body.Close() // once the answer is read: where it came early, the connection goes with the body
	if own := <-sent; own != nil && !errors.Is(own, io.ErrClosedPipe) {
		err = own // of the file or the key
	}
	return last, begun, err
}

// undoing is the import that is in the way of a roster, if it is to be undone.
func (c *Client) undoing(ctx context.Context, o *RosterOrder) (*persons.Undo, error) {
	if !o.Undo {
		return nil, nil
	}
	query := url.Values{"sha256": {hex.EncodeToString(o.Hash[:])}, "encoding": {string(o.Charset)}}
	way, err := ask[Unfinished](ctx, c, call{method: http.MethodGet, path: "/v1/persons/unfinished?" + query.Encode(), looks: true})
	if err != nil || way.Import == nil {
		return nil, err
	}
	return &persons.Undo{Import: way.Import.Number, File: way.Import.File}, nil
}

// sendRoster writes the body of an import.
func (c *Client) sendRoster(ctx context.Context, o *RosterOrder, undo *persons.Undo, form *multipart.Writer) error {
	part, err := form.CreateFormFile(partRoster, "roster.csv")
	if err == nil {
		_, err = io.Copy(part, o.First)
	}
	if err != nil {
		return err
	}
	opened := o.opened()
	var signed ImportSigned
	if signed.Import, err = c.sign(ctx, persons.ActImport, opened.Text(), o.Reason, o.Dry); err != nil {
		return err
	}
	if undo != nil {
		of, err := c.sign(ctx, persons.ActUndo, undo.Text(), o.Reason, o.Dry)
		if err != nil {
			return err
		}
		signed.Undo = &of
	}
	text, err := encode(signed)
	if err != nil {
		return err
	}
	if err := form.WriteField(partSigned, string(text)); err != nil {
		return err
	}
	return form.Close()
}

// importLines reads what a server says of an import.
func (c *Client) importLines(response *http.Response, each func(*ImportLine)) (last ImportLine, begun bool, err error) {
	if response.StatusCode != http.StatusOK {
		p := new(Problem)
		text, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
		if err == nil {
			err = json.Unmarshal(text, p)
		}
		if err != nil || p.Type == "" {
			return last, false, c.cutOff(language.Textf("the answer, of status %d, is none of citycard's", response.StatusCode))
		}
		return last, false, p
	}
	lines := json.NewDecoder(response.Body)
	for {
		last = ImportLine{}
		if err := lines.Decode(&last); err != nil {
			return last, begun, c.cutOff(err)
		}
		begun = begun || last.Import != nil
		switch {
		case last.Problem != nil:
			return last, begun, last.Problem
		case last.Done != nil && last.Import != nil:
			return last, begun, nil
		}
		each(&last)
	}
}

// cutOff is the problem of an import whose answer did not come, or ended before it did.
func (c *Client) cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = language.Textf("the server's answer ended too early: %w", err)
	}
	err = c.unanswered(&call{method: http.MethodPost}, err)
	if p, ok := errors.AsType[*Problem](err); ok && p.Type == UnknownOutcome {
		p.Todo = language.Textf("import the file again: it goes on, or says that the roster was imported").In(c.language)
	}
	return err
}
