package bench

import (
	"fmt"
	"math"
	"strings"
)

// A picture is an SVG that grows downwards. There are two kinds of plots, which is too little for a library.
type picture struct {
	strings.Builder
	y int
}

const (
	pictureWidth = 900
	labelWidth   = 330
	barWidth     = 440
	barHeight    = 16
)

var shades = []string{"#1f4e79", "#4a7ba6", "#a9c4dc"}

func (p *picture) text(x, y int, anchor, text string) {
	fmt.Fprintf(p, `<text x="%d" y="%d" text-anchor="%s" fill="#333">%s</text>`+"\n", x, y, anchor, escape.Replace(text))
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (p *picture) svg() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n", pictureWidth, p.y+16, p.String())
}

// bars draws a group of bars for each label, on a common scale: a logarithm, where one is far longer than another.
func (p *picture) bars(title string, names, labels []string, value func(label, name int) float64, write func(float64) string) {
	p.y += 24
	fmt.Fprintf(p, `<text x="8" y="%d" font-weight="bold" fill="#333">%s</text>`+"\n", p.y, escape.Replace(title))
	for i, name := range names {
		x := labelWidth + i*150
		fmt.Fprintf(p, `<rect x="%d" y="%d" width="10" height="10" fill="%s"/>`+"\n", x, p.y-9, shades[i%len(shades)])
		p.text(x+16, p.y, "start", name)
	}
	p.y += 8
	least, most := math.Inf(1), 0.0
	for l := range labels {
		for n := range names {
			if v := value(l, n); v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	length := func(v float64) int { return max(1, int(barWidth*v/most)) }
	if most > 50*least {
		length = func(v float64) int {
			return max(1, int(barWidth*math.Log(max(v, least/2)/(least/2))/math.Log(most/(least/2))))
		}
		p.text(pictureWidth-8, p.y-8, "end", "logarithmic")
	}
	for l, label := range labels {
		p.text(labelWidth-8, p.y+barHeight*(len(names)+1)/2, "end", label)
		for n := range names {
			v := value(l, n)
			w := length(v)
			fmt.Fprintf(p, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", labelWidth, p.y+1, w, barHeight-3, shades[n%len(shades)])
			p.text(labelWidth+w+6, p.y+barHeight-5, "start", write(v))
			p.y += barHeight
		}
		p.y += 6
	}
}

// plots are the pictures, by name.
func (r *Report) plots() map[string]string {
	all := map[string]string{}
	if len(r.Contests) > 0 {
		var p picture
		for _, database := range r.databases() {
			var of []*Contest
			var names []string
			for _, c := range r.Contests {
				if c.Database == database {
					of, names = append(of, c), append(names, many(c.Goroutines))
				}
			}
			p.bars(database+": time per read", names, of[0].Arms,
				func(l, n int) float64 { return of[n].Nanoseconds[l] }, duration)
		}
		all["peers"] = p.svg()
	}
	if len(r.Growths) > 0 {
		var p picture
		for _, g := range r.Growths {
			var labels []string
			for _, n := range g.Counts {
				labels = append(labels, thousands(n)+" "+g.Of)
			}
			p.bars("A hit with ever more "+g.Of, []string{"hit", "floor"}, labels,
				func(l, n int) float64 { return g.Values[l].Nanoseconds[n] }, duration)
		}
		all["growth"] = p.svg()
	}
	if len(r.Loads) > 0 {
		var p picture
		for _, mix := range []int{95, 50} {
			var of []*Load
			var labels []string
			for _, l := range r.Loads {
				if l.Reads == mix {
					of, labels = append(of, l), append(labels, l.Name)
				}
			}
			title := fmt.Sprintf("%d %% reads: ", mix)
			p.bars(title+"operations a second", []string{""}, labels, func(l, _ int) float64 { return of[l].Throughput() },
				func(v float64) string { return thousands(int(v)) })
			p.bars(title+"queries that reach the database, per operation", []string{""}, labels,
				func(l, _ int) float64 { return of[l].PerOperation() }, func(v float64) string { return fmt.Sprintf("%.3f", v) })
		}
		all["load"] = p.svg()
	}
	return all
}
