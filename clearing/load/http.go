package load

import (
	"context"
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

// known is a channel's id for the log; one that cannot be any channel's is not repeated there.
func known(channel string) string {
	if len(channel) > 32 {
		return fmt.Sprintf("%d bytes", len(channel))
	}
	return channel
}

// Handler serves the authority. A refusal is an answer with a reason code and
// status 200; 401 that the token is not the channel's; 503 means that the outcome is not known and the same request is to
// be sent again. counted is told every answer's reason. Of requests with a wrong token one is
// logged every few seconds, with the number of the others.
func (a *Authority) Handler(log *slog.Logger, counted func(verdict.Reason)) http.Handler {
	strangers := &sample{every: strangersEvery}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "want POST with a LoadRequest", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestLimit))
		if err != nil {
			http.Error(w, "request not readable: "+err.Error(), http.StatusBadRequest)
			return
		}
		var request message.LoadRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			http.Error(w, "body is not a LoadRequest", http.StatusBadRequest)
			return
		}
		if !a.Tokens.allows(r, request.GetChannel()) {
			if passed, due := strangers.due(a.Now()); due {
				log.Warn("load refused: not the channel's token", "channel", known(request.GetChannel()), "from", r.RemoteAddr, "others_since", passed)
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "want the channel's token: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		answer, err := a.answer(r.Context(), &request)
		if err != nil {
			log.Error("load not authorised", "order", request.GetOrder(), "channel", request.GetChannel(), "error", err)
			http.Error(w, "outcome unknown, send the same request again", http.StatusServiceUnavailable)
			return
		}
		counted(verdict.Reason(answer.GetRefusal()))
		out, err := proto.Marshal(answer)
		if err != nil {
			log.Error("load answer not encodable", "order", request.GetOrder(), "error", err)
			http.Error(w, "outcome unknown, send the same request again", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", ContentType)
		if _, err := w.Write(out); err != nil {
			log.Warn("load answer not delivered", "order", request.GetOrder(), "error", err)
		}
	})
}

func (a *Authority) answer(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := a.Authorise(ctx, request)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return &message.LoadAnswer{Refusal: string(refusal.Reason)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}
