package registry

import (
	"context"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/language"
	"citycard/ledger"
)

// NewestModes is the version that last changed what terminals are told of modes and issuers:
// the issuers, the modes, or the lines, operators and terminals that are their areas. It is 0 where
// there was never a mode or an issuer.
func (s *Store) NewestModes(ctx context.Context) (version int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(v.number), 0) FROM registry_versions v
		WHERE EXISTS (SELECT 1 FROM registry_rows r WHERE r.change = v.change AND r.kind IN ($1, $2, $3, $4, $5))
		AND EXISTS (SELECT 1 FROM registry_versions w JOIN registry_rows r ON r.change = w.change WHERE r.kind IN ($1, $5))`,
		int64(Modes), int64(Lines), int64(Operators), int64(Terminals), int64(Issuers)).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the version of the service modes: %w", err)
	}
	return version, nil
}

// PublishedModes is the record of a version's issuers, and of its modes that are not over at a
// moment, and what is signed of it.
func (s *Store) PublishedModes(ctx context.Context, version int64, at index.Moment) (record []byte, p *message.Publication, err error) {
	edition, err := s.LoadVersion(ctx, version, Modes, Lines, Operators, Terminals, Issuers)
	if err != nil {
		return nil, nil, err
	}
	list := modeList(edition, at)
	list.Version = version
	if record, err = encodeModes(list); err != nil {
		return nil, nil, err
	}
	return record, &message.Publication{
		Topic: message.TopicModes, Version: version, Records: 1, Hash: message.RecordsHash(map[string][]byte{message.ModesKey: record}),
	}, nil
}

// modeList is what terminals are told of an edition's issuers and modes that are not over at a
// moment.
func modeList(edition *index.Edition, at index.Moment) *message.ModeList {
	today := at.Day()
	list := &message.ModeList{Issuers: standing(publishedIssuers(&edition.Rows().Issuers), today)}
	for m := range edition.Rows().Modes.All() {
		if m.To < at {
			continue
		}
		reach := edition.Reach(m.Area, max(today, m.From.Day()), m.To.Day())
		if reach.Station == 0 && len(reach.Lines) == 0 {
			continue // no terminal is meant, or none that could tell
		}
		transport := message.Mode_MODE_BUS
		if reach.Mode == "metro" {
			transport = message.Mode_MODE_METRO
		}
		list.Modes = append(list.Modes, &message.ModeEntry{
			Id: m.ID, Kind: m.Kind, Transport: transport, Lines: reach.Lines, Station: reach.Station, From: m.From.String(), To: m.To.End(), ExitWithoutEntry: m.Unentered,
		})
	}
	return list
}

// encodeModes refuses what terminals would not take.
func encodeModes(list *message.ModeList) ([]byte, error) {
	record, err := (proto.MarshalOptions{Deterministic: true}).Marshal(list)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode the service modes: %w", err)
	case len(list.Issuers) > message.MostModes:
		return nil, language.Textf("%d rows of issuers are not over, and terminals take %d", len(list.Issuers), message.MostModes)
	case len(list.Modes) > message.MostModes:
		return nil, language.Textf("%d service modes are in force or to come, and terminals take %d: end some", len(list.Modes), message.MostModes)
	case len(record) > message.ModesLimit:
		return nil, language.Textf("the service modes that are in force or to come have %d bytes, and terminals take %d: end some, or name fewer lines", len(record), message.ModesLimit)
	}
	return record, nil
}

// checkPublished refuses a change after which terminals could not be told of any mode.
func (in *importer) checkPublished(next *index.Edition) {
	rows := &in.rows
	if rows.Modes.Len()+rows.Lines.Len()+rows.Operators.Len()+rows.Terminals.Len()+rows.Issuers.Len() == 0 {
		return
	}
	list := modeList(next, in.bounds.At)
	list.Version = math.MaxInt64 // the longest
	if _, err := encodeModes(list); err != nil {
		file := "modes.csv"
		if len(list.Issuers) > message.MostModes {
			file = "issuers.csv"
		}
		in.wrong(file, 0, err)
	}
}

// standing are the rows that are not over: rows of the past are for ever in the registry, and must
// not crowd out what terminals need. Without any row terminals would take everybody's cards, so
// that all are over is published as it is, as far as terminals take it.
func standing(entries []*message.IssuerEntry, today ledger.Day) []*message.IssuerEntry {
	over := func(e *message.IssuerEntry) bool { return e.GetTo() != "" && e.GetTo() < today.Add(-1).String() }
	if left := slices.DeleteFunc(slices.Clone(entries), over); len(left) > 0 {
		return left
	}
	return entries[:min(len(entries), message.MostModes)]
}

// publishedIssuers are the issuers' rows, each with the last day on which it counts: that before
// the next row of the issuer begins.
func publishedIssuers(issuers *index.Timelines[index.Institution, index.Issuer]) (entries []*message.IssuerEntry) {
	for _, id := range issuers.Keys(index.Compare) {
		rows := issuers.Of(id)
		for i, row := range rows {
			last := row.To
			if i+1 < len(rows) && (last == 0 || rows[i+1].From <= last) {
				last = rows[i+1].From.Add(-1)
			}
			e := &message.IssuerEntry{Institution: id[:], From: row.From.String()}
			if last != 0 {
				e.To = last.String()
			}
			entries = append(entries, e)
		}
	}
	return entries
}
