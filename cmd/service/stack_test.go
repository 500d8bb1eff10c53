package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // parts that were left behind still run
		var order []string
		s := NewStack(quiet(), time.Second)
		push := func(name string, stop func(ctx context.Context) error) {
			s.Push(name, func(ctx context.Context) error {
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				return stop(ctx)
			})
		}
		broken := errors.New("broken")
		release := make(chan struct{})
		push("database", func(context.Context) error { return nil })
		push("broker", func(context.Context) error { return broken })
		push("stuck", func(context.Context) error { <-release; return nil })
		push("late", func(ctx context.Context) error { <-ctx.Done(); return nil })

		began := time.Now()
		err := s.Close()
		close(release)
		synctest.Wait()
		if want := []string{"late", "stuck", "broker", "database"}; !slices.Equal(order, want) {
			t.Errorf("stopped in order %v, want %v", order, want)
		}
		if !errors.Is(err, broken) {
			t.Errorf("%v does not hold the broker's error", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v, want one second each for the late and the stuck part", took)
		}
		if err := s.Close(); err != nil || len(order) != 4 {
			t.Errorf("closing again: %v, %v", err, order)
		}
	})
}

// TestStackGo has a part at work after the command's context has ended, until it is stopped.
func TestStackGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStack(quiet(), time.Second)
		command, cancel := context.WithCancel(t.Context())
		ended := false
		s.Go(command, "worker", func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second / 2) // it has something to finish
			ended = true
		})
		cancel()
		if synctest.Wait(); ended {
			t.Error("it ended with the command's context")
		}
		if err := s.Close(); err != nil || !ended {
			t.Errorf("closed: %v, ended: %v", err, ended)
		}
	})
}
