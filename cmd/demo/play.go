package demo

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"citycard/simulators/city"
)

// play plays the city's day.
func (d *demo) play(ctx context.Context) error {
	if err := errors.Join(d.readLanes(), d.openTills(ctx)); err != nil {
		return err
	}
	args := []string{
		"city", "--direct=false", "--data", d.field, "--kafka", d.base.Kafka,
		"--kafka-tls-ca", d.base.Access.CAFile, "--kafka-user", d.base.Access.User, "--kafka-password-file", d.base.Access.PasswordFile, "--api", d.server.API,
		"--tokens", d.dir.Join(tokens), "--keys", d.KeyPath(d.dir.Path),
		"--cards", strconv.Itoa(d.cards), "--seed", d.seedText(), "--day", d.day.String(), "--zone", d.Zone.String(),
	}
	if d.daemon != nil {
		args = append(args, "--vpcd", strings.Join(d.daemon.Slots, ","), "--reader-taps", strconv.Itoa(d.readerTaps()), "--counters")
	}
	today, end := context.WithCancel(ctx)
	staff := make(chan error, 1)
	go func() {
		failed := d.serveDesk(ctx, today.Done())
		if failed != nil {
			end()
		}
		staff <- failed
	}()
	err := d.cardsim(today, args, func(ask *city.Ask) error {
		if ask.Act == city.OpenLanes { // which outlive the city
			return d.startAgents(ctx)
		}
		return d.atTill(today, ask)
	})
	end()
	if failed := <-staff; failed != nil {
		err = failed // that is why the city has ended
	}
	if err == nil {
		err = d.stopAgents(ctx)
	}
	return errors.Join(err, d.server.Failure())
}
