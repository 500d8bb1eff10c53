package counter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/language"
)

// authorisePath is where the load authority answers, below its base URL.
const authorisePath = "/v1/loads/authorise"

const (
	protobufType = "application/x-protobuf"
	maxAnswer    = 64 << 10
)

// HTTPAuthority asks the load authority over HTTP: POST with a LoadRequest, 200
// with a LoadAnswer, both protobuf; 400 with JSON where a field of the request is wrong, which
// is a refusal too. It satisfies LoadAuthority.
type HTTPAuthority struct {
	base   string
	url    string
	tokens map[string]string
	client *http.Client
}

// NewHTTPAuthority returns a client for the authority at base, such as http://127.0.0.1:8080.
// tokens are the bearer tokens with which the channels authenticate, by the channel's id. If client
// is nil, a client with a time limit of ten seconds is used.
func NewHTTPAuthority(base string, tokens map[string]string, client *http.Client) (*HTTPAuthority, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("load authority %q is no address, want http://HOST:PORT", base)
	}
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	base = strings.TrimSuffix(base, "/")
	return &HTTPAuthority{base: base, url: strings.TrimSuffix(base, "/") + authorisePath, tokens: tokens, client: client}, nil
}

// AuthoriseLoad asks once; the caller may ask again, with the same order.
func (a *HTTPAuthority) AuthoriseLoad(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error) {
	body, err := proto.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	r.Header.Set("Content-Type", protobufType)
	if token := a.tokens[request.GetChannel()]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := a.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the load authority does not answer: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the load authority's answer broke off: %w", err)
	}
	if reason := refusedAs(response, content); reason != "" {
		return &message.LoadAnswer{Refusal: reason}, nil
	}
	if denied := deniedAs(response, content); denied != nil {
		return nil, denied
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the load authority at %s answers %s: %s", a.url, response.Status, firstLine(content))
	}
	if t, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";"); t != protobufType {
		return nil, fmt.Errorf("the load authority at %s answers in %q, want %s", a.url, t, protobufType)
	}
	answer := new(message.LoadAnswer)
	if err := proto.Unmarshal(content, answer); err != nil {
		return nil, fmt.Errorf("the load authority's answer is malformed: %w", err)
	}
	return answer, nil
}

// invalidField is the reason code of a request with a wrong field.
const invalidField = "invalid_field"

// refusedAs is the reason code of a request that the authority regards as wrong and will never
// accept. Any other answer but 200 leaves the outcome open.
func refusedAs(response *http.Response, content []byte) string {
	var fault struct {
		Error string `json:"error"`
	}
	if response.StatusCode == http.StatusBadRequest && json.Unmarshal(content, &fault) == nil && fault.Error == invalidField {
		return invalidField
	}
	return ""
}

// DeniedError: the authority does not let the channel ask, or not now. Nothing was booked.
type DeniedError struct {
	Code string // unknown_credential, other_unit, too_many_requests, …
	Said string
}

func (e *DeniedError) Error() string { return e.In(language.Language{}) }

// In says it in a language; what the authority says is English.
func (e *DeniedError) In(l language.Language) string {
	switch e.Code {
	case "other_unit":
		return language.Textf("the token is another channel's: give the token of this counter's channel; nothing was booked").In(l)
	case "too_many_requests":
		return language.Textf("the channel asks too often: try again in a moment; nothing was booked").In(l)
	}
	return language.Textf("the load authority does not know the channel's token (%s: %s): a keeper issues a new one; nothing was booked", e.Code, e.Said).In(l)
}

// deniedAs is the answer to a channel that may not ask; nil for other answers.
func deniedAs(response *http.Response, content []byte) error {
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
	default:
		return nil
	}
	var fault struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(content, &fault) != nil || fault.Error == "" {
		return nil
	}
	return &DeniedError{fault.Error, firstLine([]byte(fault.Message))}
}

func firstLine(content []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(content), []byte("\n"))
	return string(line[:min(len(line), 200)])
}
