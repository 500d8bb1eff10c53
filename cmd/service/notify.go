package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// NotifyReady tells the service manager that started this process, if there is one, that the
// process is ready. Units that wait for it, such as those after a systemd unit of Type=notify, then
// start.
func NotifyReady(log *slog.Logger) { notify(log, daemon.SdNotifyReady) }

// NotifyStopping tells it that the process ends by itself.
func NotifyStopping(log *slog.Logger) { notify(log, daemon.SdNotifyStopping) }

// NotifyAlive tells it, where its unit has a WatchdogSec, that the process works, for as long as
// alive says so and until ctx ends. A process of which it hears nothing is started again.
func NotifyAlive(ctx context.Context, log *slog.Logger, alive func() bool) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not understood", "error", err)
	}
	if limit <= 0 {
		return
	}
	tick := time.NewTicker(limit / 3)
	defer tick.Stop()
	for {
		if alive() {
			notify(log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}
