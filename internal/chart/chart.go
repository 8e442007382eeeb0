// Package chart draws health verdicts as small pictures, for people in front of a client that shows them. Whatever it shows
// stands in the verdict, too.
package chart

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"
	"strings"
	"sync"

	gochart "github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"

	"aura-mcp/internal/health"
	"aura-mcp/internal/text"
)

// Measures, in pixels. The bars end a quarter beyond the threshold, so that how far one is over it shows.
const (
	width      = 860
	margin     = 24
	top        = 92 // where the rows begin
	row        = 30
	barHeight  = 16
	barLeft    = 208
	barRight   = 560
	overshoot  = 1.25
	numberLeft = 576
	lineHeight = 20
	fontTitle  = 20
	fontText   = 14
	fontSmall  = 12
)

// The colours keep their contrast on the opaque background, which stands as well in a dark client as in a light one.
var (
	background = drawing.ColorFromHex("F4F5F7")
	frame      = drawing.ColorFromHex("B8C0CC")
	ink        = drawing.ColorFromHex("1F2430")
	muted      = drawing.ColorFromHex("525B69")
	track      = drawing.ColorFromHex("DCE0E6")
	white      = drawing.ColorFromHex("FFFFFF")
)

func colour(s health.Status) drawing.Color {
	switch s {
	case health.StatusHealthy:
		return drawing.ColorFromHex("2B7F50")
	case health.StatusWarning:
		return drawing.ColorFromHex("B86E00")
	case health.StatusCritical:
		return drawing.ColorFromHex("C4242B")
	}
	return drawing.ColorFromHex("6B7583")
}

// font is parsed when the first chart is drawn. The library's own way to get at it is no place for two at once.
var font = sync.OnceValues(gochart.GetDefaultFont)

// bar is one signal.
type bar struct {
	label, value, limit string
	share, warning      float64 // of the threshold at 1; a warning of 0 has no mark
	status              health.Status
}

// Health draws the signals of a verdict against their thresholds, as a PNG. One without signals has its message instead.
func Health(name string, v health.Verdict) ([]byte, error) {
	typeface, err := font()
	if err != nil {
		return nil, fmt.Errorf("font of the chart: %w", err)
	}
	bars := barsOf(v)
	measure, err := gochart.PNG(1, 1)
	if err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	p := &page{Renderer: measure}
	p.SetDPI(72) // so that sizes are pixels
	p.SetFont(typeface)
	foot := p.wrap(footnote(v, len(bars) > 0), fontSmall)
	height := top + row*len(bars) + lineHeight*len(foot) + margin
	if p.Renderer, err = gochart.PNG(width, height); err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	p.SetDPI(72)
	p.SetFont(typeface)
	p.box(0, 0, width, height, frame)
	p.box(1, 1, width-1, height-1, background)
	p.title(name, v)
	for n, b := range bars {
		p.bar(top+row*n, b)
	}
	if len(bars) > 0 {
		at := along(1)
		p.box(at, top-6, at+2, top+row*len(bars)-4, ink)
		p.text("threshold", at-p.width("threshold", fontSmall)/2, top-12, fontSmall, muted)
	}
	for n, line := range foot {
		p.text(line, margin, top+row*len(bars)+lineHeight*(n+1)-2, fontSmall, muted)
	}
	return encode(p)
}

// encode writes a picture of few colours with few bytes: every conversation pays for them.
func encode(r gochart.Renderer) ([]byte, error) {
	drawn := &gochart.ImageWriter{}
	if err := r.Save(drawn); err != nil {
		return nil, fmt.Errorf("encode the chart: %w", err)
	}
	picture, err := drawn.Image()
	if err != nil {
		return nil, fmt.Errorf("encode the chart: %w", err)
	}
	small := image.NewPaletted(picture.Bounds(), palette(picture))
	draw.Draw(small, small.Bounds(), picture, image.Point{}, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, small); err != nil {
		return nil, fmt.Errorf("encode the chart: %w", err)
	}
	return out.Bytes(), nil
}

// palette has the most frequent colours of a picture. The rest is the edges of letters, which take the nearest.
func palette(picture image.Image) color.Palette {
	const most = 64
	count := map[color.RGBA]int{}
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			count[color.RGBA{R: uint8(r >> 8), G: uint8(g >> 8), B: uint8(b >> 8), A: 255}]++
		}
	}
	found := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var out color.Palette
	for _, c := range found[:min(most, len(found))] {
		out = append(out, c)
	}
	return out
}

// page is a renderer with the few things that a chart is made of.
type page struct{ gochart.Renderer }

func (p *page) title(name string, v health.Verdict) {
	status := strings.ReplaceAll(string(v.Status), "_", " ")
	w := p.width(status, fontText) + 24
	p.box(margin, 22, margin+w, 50, colour(v.Status))
	p.text(status, margin+12, 41, fontText, white)
	when := v.AssessedAt.UTC().Format("2006-01-02 15:04 UTC")
	right := width - margin - p.width(when, fontSmall)
	p.text(when, right, 41, fontSmall, muted)
	shown := []rune(text.Quote(name))
	for left := margin + w + 14; ; {
		if p.width(string(shown), fontTitle) <= right-margin-left {
			p.text(string(shown), left, 43, fontTitle, ink)
			return
		}
		shown = append(shown[:max(0, len(shown)-2)], '…')
	}
}

func (p *page) bar(y int, b bar) {
	p.text(b.label, margin, y+13, fontText, ink)
	p.box(barLeft, y, barRight, y+barHeight, track)
	end := max(barLeft+2, along(b.share))
	p.box(barLeft, y, end, y+barHeight, colour(b.status))
	if b.share > overshoot { // it goes on beyond the picture
		p.SetFillColor(background)
		p.MoveTo(barRight-7, y)
		p.LineTo(barRight, y+barHeight/2)
		p.LineTo(barRight, y)
		p.Close()
		p.MoveTo(barRight-7, y+barHeight)
		p.LineTo(barRight, y+barHeight/2)
		p.LineTo(barRight, y+barHeight)
		p.Close()
		p.Fill()
	}
	if b.warning > 0 {
		at := along(b.warning)
		p.box(at, y-3, at+2, y+barHeight+3, colour(health.StatusWarning))
	}
	number := ink
	if b.status != health.StatusHealthy {
		number = colour(b.status)
	}
	p.text(b.value, numberLeft, y+13, fontText, number)
	p.text(b.limit, numberLeft+116, y+13, fontSmall, muted)
}

// along is where a share of the threshold is on a bar.
func along(share float64) int {
	return barLeft + int(min(max(share, 0), overshoot)/overshoot*(barRight-barLeft))
}

func (p *page) box(left, upper, right, lower int, c drawing.Color) {
	p.SetFillColor(c)
	p.MoveTo(left, upper)
	p.LineTo(right, upper)
	p.LineTo(right, lower)
	p.LineTo(left, lower)
	p.Close()
	p.Fill()
}

func (p *page) text(words string, x, y int, size float64, c drawing.Color) {
	p.SetFontSize(size)
	p.SetFontColor(c)
	p.Text(words, x, y)
}

func (p *page) width(words string, size float64) int {
	p.SetFontSize(size)
	return p.MeasureText(words).Width()
}

// wrap breaks paragraphs into lines that fit the picture.
func (p *page) wrap(paragraphs []string, size float64) []string {
	var lines []string
	for _, paragraph := range paragraphs {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			longer := strings.TrimSpace(line + " " + word)
			if line != "" && p.width(longer, size) > width-2*margin {
				lines, longer = append(lines, line), word
			}
			line = longer
		}
		lines = append(lines, line)
	}
	return lines
}
