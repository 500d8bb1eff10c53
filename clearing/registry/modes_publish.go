package registry

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// NewestModes is the version that last changed what terminals are told of service modes: the modes,
// or the lines, operators and terminals that are their areas. It is 0 where there was never a mode.
func (s *Store) NewestModes(ctx context.Context) (version int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(v.number), 0) FROM registry_versions v
		WHERE EXISTS (SELECT 1 FROM registry_rows r WHERE r.change = v.change AND r.kind IN ($1, $2, $3, $4))
		AND EXISTS (SELECT 1 FROM registry_versions w JOIN registry_rows r ON r.change = w.change WHERE r.kind = $1)`,
		int64(Modes), int64(Lines), int64(Operators), int64(Terminals)).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the version of the service modes: %w", err)
	}
	return version, nil
}

// PublishedModes is the record of the modes of a version that are not over at a moment, and what is
// signed of it.
func (s *Store) PublishedModes(ctx context.Context, version int64, at index.Moment) (record []byte, p *message.Publication, err error) {
	edition, err := s.LoadVersion(ctx, version, Modes, Lines, Operators, Terminals)
	if err != nil {
		return nil, nil, err
	}
	list := &message.ModeList{Version: version}
	for m := range edition.Rows().Modes.All() {
		if m.To < at {
			continue
		}
		reach := edition.Reach(m.Area, ledger.Day(m.From.Number()/1_000_000))
		transport := message.Mode_MODE_BUS
		if reach.Mode == "metro" {
			transport = message.Mode_MODE_METRO
		}
		list.Modes = append(list.Modes, &message.ModeEntry{
			Id: m.ID, Kind: m.Kind, Transport: transport, Lines: reach.Lines, Station: reach.Station, From: m.From.String(), To: m.To.End(), ExitWithoutEntry: m.Unentered,
		})
	}
	if record, err = (proto.MarshalOptions{Deterministic: true}).Marshal(list); err != nil {
		return nil, nil, fmt.Errorf("encode the service modes: %w", err)
	}
	if len(list.Modes) > message.MostModes || len(record) > message.ModesLimit {
		return nil, nil, fmt.Errorf("%d service modes in %d bytes are in force or to come, and terminals take %d in %d: end some", len(list.Modes), len(record), message.MostModes, message.ModesLimit)
	}
	return record, &message.Publication{
		Topic: message.TopicModes, Version: version, Records: 1, Hash: message.RecordsHash(map[string][]byte{message.ModesKey: record}),
	}, nil
}
