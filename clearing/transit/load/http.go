package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// Path is where the load authority answers: POST, a LoadRequest in, a LoadAnswer
// out, both protobuf.
const Path = "/v1/loads/authorise"

// ContentType of requests and answers.
const ContentType = "application/x-protobuf"

const requestLimit = 4 << 10 // bytes; a request has about 150

// strangersEvery is how often requests without the channel's token are logged at most.
const strangersEvery = 10 * time.Second

// known is a channel's id for the log. An id that is too long for a channel is not repeated there.
func known(channel string) string {
	if len(channel) > 32 {
		return fmt.Sprintf("%d bytes", len(channel))
	}
	return channel
}

// fault is the JSON body of an answer that is no LoadAnswer.
type fault struct {
	Error   string `json:"error"` // a reason code, or what is wrong with the request as such
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func (f fault) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(f) // the client may be gone; nobody else to tell
}

// Handler serves the authority. A refusal is an answer with a reason code and status 200. Other
// answers are JSON: 400 says what is wrong with the request, and for invalid_field in which field;
// 401 says that the token is not the channel's; 503 that the outcome is not known and the same
// request is to be sent again. counted is told every answer's reason. For requests with a wrong
// token, one line is logged every few seconds, with the number of the others.
func (a *Authority) Handler(log *slog.Logger, counted func(verdict.Reason)) http.Handler {
	strangers := &sample{every: strangersEvery}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, ok := readRequest(w, r)
		if !ok {
			return
		}
		if !a.Tokens.allows(r, request.GetChannel()) {
			if passed, due := strangers.due(a.Now()); due {
				log.Warn("load refused: not the channel's token", "channel", known(request.GetChannel()), "from", r.RemoteAddr, "others_since", passed)
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			fault{Error: "not_authorised", Message: "want the channel's token: Authorization: Bearer TOKEN"}.write(w, http.StatusUnauthorized)
			return
		}
		answer, err := a.answer(r.Context(), request)
		if wrong := (*fieldError)(nil); errors.As(err, &wrong) {
			counted(verdict.InvalidField)
			fault{string(verdict.InvalidField), wrong.Field, wrong.Field + " " + wrong.What}.write(w, http.StatusBadRequest)
			return
		}
		var out []byte
		if err == nil {
			counted(verdict.Reason(answer.GetRefusal()))
			out, err = proto.Marshal(answer)
		}
		if err != nil {
			log.Error("load not authorised", "order", request.GetOrder(), "channel", request.GetChannel(), "error", err)
			fault{Error: "outcome_unknown", Message: "send the same request again"}.write(w, http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", ContentType)
		if _, err := w.Write(out); err != nil {
			log.Warn("load answer not delivered", "order", request.GetOrder(), "error", err)
		}
	})
}

// readRequest reads a request's body. If the body is no request, it answers itself.
func readRequest(w http.ResponseWriter, r *http.Request) (request *message.LoadRequest, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fault{Error: "method_not_allowed", Message: "want POST with a LoadRequest"}.write(w, http.StatusMethodNotAllowed)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestLimit))
	if err != nil {
		fault{Error: "unreadable", Message: "request not readable: " + err.Error()}.write(w, http.StatusBadRequest)
		return nil, false
	}
	request = &message.LoadRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		fault{Error: "undecodable", Message: "the body is not a LoadRequest in protobuf"}.write(w, http.StatusBadRequest)
		return nil, false
	}
	return request, true
}

func (a *Authority) answer(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := a.Authorise(ctx, request)
	if wrong := (*fieldError)(nil); errors.As(err, &wrong) {
		return nil, err
	}
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return &message.LoadAnswer{Refusal: string(refusal.Reason)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}
