package pcscd

import (
	"context"
	"log/slog"
	"net"
	"time"

	"citycard/language"
)

// portLimit is how long another program may hold a port of the readers.
const portLimit = 30 * time.Second

// awaitPorts waits until the ports can be listened on. They are in the range from which Linux takes
// the local ports of outgoing connections, so any connection of the machine may hold one for a
// while. vpcd then has no reader and reports nothing.
func awaitPorts(ctx context.Context, log *slog.Logger, addresses ...string) error {
	ctx, cancel := context.WithTimeout(ctx, portLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		for said := false; ; said = true {
			listener, err := net.Listen("tcp", net.JoinHostPort("", port))
			if err == nil {
				if err := listener.Close(); err != nil {
					return language.Textf("try port %s of the virtual readers: %w", port, err)
				}
				break
			}
			if !said {
				log.Info("a port of the virtual readers is taken; waiting for it", "port", port)
			}
			select {
			case <-ctx.Done():
				return language.Textf("port %s of the virtual readers is taken by another program: %w; end it, or keep the port free with "+
					"sysctl -w net.ipv4.ip_local_reserved_ports=35963-35964, as deploy/setup.sh does", port, err)
			case <-tick.C:
			}
		}
	}
	return nil
}
