package service

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// NotifyReady tells the service manager that started this process, if there is one, that the
// process is ready. Units that wait for it, such as those after a systemd unit of Type=notify, then
// start.
func NotifyReady(log *slog.Logger) { notify(log, daemon.SdNotifyReady) }

// NotifyStopping tells it that the process ends by itself.
func NotifyStopping(log *slog.Logger) { notify(log, daemon.SdNotifyStopping) }

func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}
