package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
)

func readyCommand() *ffcli.Command {
	c := newCommand("ready", "", "wait until serve is ready",
		"Waits until the process that serves the data directory clears and answers, and prints where. For scripts that\n"+
			"have just started it. Other commands wait for a serve that starts, but cannot know of one that is not there yet.\n"+
			"Reading and founding a registry have no time limit: they take as long as the city is large.")
	wait := c.flags.Duration("wait", books.StepLimit, "how `long` to wait for serve to be there, and at each step of its start; 0 only asks")
	c.check = func() error {
		if *wait < 0 {
			return language.Textf("--wait %s: want 0s or more", *wait)
		}
		return nil
	}
	return c.runs(func(ctx context.Context) error { return awaitReady(ctx, &c.Common, *wait) })
}

// notServing is for a directory without a serving process.
func notServing(data string, todo *language.Text) error {
	return service.Unreachable("nothing serves %s", data).Todo("%w", todo)
}

func awaitReady(ctx context.Context, common *service.Common, limit time.Duration) error {
	patience := books.Patience{Appear: limit, Step: limit, Say: 10 * time.Second, Log: common.Logger()}
	serving, ok, err := patience.Serving(ctx, common.Data)
	switch {
	case err != nil:
		return err
	case !ok:
		return notServing(common.Data, language.Textf("start citycard serve"))
	}
	if err := untilReady(ctx, serving.Pages, limit); err != nil {
		return err
	}
	common.Print("ready: Kafka %s, load authority %s, pages http://%s/", serving.Kafka, serving.API, serving.Pages)
	return nil
}

// untilReady asks /readyz until it says yes.
func untilReady(ctx context.Context, pages string, limit time.Duration) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		err := askReady(ctx, "http://"+pages+"/readyz")
		if err == nil {
			return nil
		}
		if time.Since(began) >= limit {
			return service.Unreachable("citycard serve is there and not ready").Todo("look at what it says").Because(err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func askReady(ctx context.Context, page string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = language.Textf("%s: %s: %s", page, response.Status, strings.TrimSpace(string(answer)))
	}
	return err
}
