package load

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/verdict"
)

// Path is where the load authority answers: POST, a LoadRequest in, a LoadAnswer
// out, both protobuf.
const Path = "/v1/loads/authorise"

// ContentType of requests and answers.
const ContentType = "application/x-protobuf"

const requestLimit = 4 << 10 // bytes; a request has about 150

// Endpoint is how the authority is asked over HTTP. A refusal is an answer with a reason code and
// status 200. Other answers are JSON (access.Fault): 400 says what is wrong with the request, and
// for invalid_field in which field; 503 that the outcome is not known and the same request is to be
// sent again. counted is told every answer's reason.
func (a *Authority) Endpoint(log *slog.Logger, counted func(verdict.Reason)) access.Endpoint[*message.LoadRequest] {
	return access.Endpoint[*message.LoadRequest]{
		Method: http.MethodPost, Limit: requestLimit, Read: readRequest,
		Unit: func(request *message.LoadRequest) people.Unit { return access.Channel(request.GetChannel()) },
		Answer: func(w http.ResponseWriter, r *http.Request, request *message.LoadRequest) {
			answer, err := a.answer(r.Context(), request)
			if wrong := (*fieldError)(nil); errors.As(err, &wrong) {
				counted(verdict.InvalidField)
				access.Fault{Error: string(verdict.InvalidField), Field: wrong.Field, Message: wrong.Field + " " + wrong.What}.Write(w, http.StatusBadRequest)
				return
			}
			var out []byte
			if err == nil {
				counted(verdict.Reason(answer.GetRefusal()))
				out, err = proto.Marshal(answer)
			}
			if err != nil {
				log.Error("load not authorised", "order", request.GetOrder(), "channel", request.GetChannel(), "error", err)
				access.Fault{Error: "outcome_unknown", Message: "send the same request again"}.Write(w, http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", ContentType)
			if _, err := w.Write(out); err != nil {
				log.Warn("load answer not delivered", "order", request.GetOrder(), "error", err)
			}
		},
	}
}

func readRequest(body []byte) (*message.LoadRequest, error) {
	request := &message.LoadRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		return nil, errors.New("the body is not a LoadRequest in protobuf")
	}
	return request, nil
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
