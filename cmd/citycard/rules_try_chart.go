package main

import (
	"cmp"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"citycard/clearing/rules/trial"
	"citycard/language"
)

const (
	chartWidth = 24 * vg.Centimeter
	panelHigh  = 8 * vg.Centimeter
	margin     = vg.Centimeter / 2
	mostBars   = 12 // of a panel; the groups that change most
)

// drawTrial draws the groups of a report, before and after, as an SVG.
func drawTrial(w io.Writer, r *trial.Report, l language.Language) error {
	type panel struct {
		title  string
		groups []trial.Group
	}
	var panels []panel
	add := func(title string, s *trial.Section, by trial.By) {
		if groups := mostChanged(s.Groups, by); len(groups) > 0 {
			panels = append(panels, panel{title, groups})
		}
	}
	add(l.Of("taps by hour, yuan"), &r.Taps, trial.ByHour)
	add(l.Of("taps by kind, yuan"), &r.Taps, trial.ByKind)
	add(l.Of("taps by card type, yuan"), &r.Taps, trial.ByCardType)
	add(l.Of("taps by line, yuan"), &r.Taps, trial.ByLine)
	if r.Claims != nil {
		add(l.Of("paid by funds, by hospital, yuan"), r.Claims, trial.ByHospital)
	}
	canvas := vgsvg.New(chartWidth, max(1, vg.Length(len(panels)))*panelHigh)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: vg.Centimeter / 2, PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: margin}
	whole := draw.New(canvas)
	for i, p := range panels {
		chart, err := barsOf(p.title, p.groups, l)
		if err != nil {
			return err
		}
		chart.Draw(tiles.At(whole, 0, i))
	}
	_, err := canvas.WriteTo(w)
	return err
}

// mostChanged are groups of one kind: all hours, of others those that change most, in their order.
func mostChanged(all []trial.Group, by trial.By) (groups []trial.Group) {
	for _, g := range all {
		if g.By == by {
			groups = append(groups, g)
		}
	}
	if by == trial.ByHour || len(groups) <= mostBars {
		return groups
	}
	places := make([]int, len(groups))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(changeOf(groups[b]), changeOf(groups[a])) })
	most := make([]trial.Group, mostBars)
	for i, place := range slices.Sorted(slices.Values(places[:mostBars])) {
		most[i] = groups[place]
	}
	return most
}

func changeOf(g trial.Group) int64 {
	d := int64(g.Difference())
	return max(d, -d)
}

func barsOf(title string, groups []trial.Group, l language.Language) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	var sides [2]plotter.Values
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Key
		sides[0] = append(sides[0], float64(g.Before)/100)
		sides[1] = append(sides[1], float64(g.After)/100)
	}
	width := chartWidth * 7 / 10 / vg.Length(2*max(len(groups), 4))
	for i, side := range []struct {
		name  string
		color color.Color
	}{{l.Of("before"), color.Gray{0xA0}}, {l.Of("after"), color.RGBA{0x1F, 0x6F, 0xB4, 0xFF}}} {
		bars, err := plotter.NewBarChart(sides[i], width)
		if err != nil {
			return nil, err
		}
		bars.Color, bars.LineStyle.Width = side.color, 0
		bars.Offset = width * (vg.Length(i) - 0.5)
		p.Add(bars)
		p.Legend.Add(side.name, bars)
	}
	p.Legend.Top = true
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.7, float64(max(len(groups), 4))+1 // the legend is beside the last bars
	p.Y.Min = min(p.Y.Min, 0)
	return p, nil
}
