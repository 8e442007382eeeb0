package auraclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sampleReader reads single sample lines. The zero value is ready.
//
// The library gets one line at a time and never a TYPE: with one it makes up
// summaries and histograms, fails on the second, and in this version panics on a
// summary whose name stands within the braces.
type sampleReader struct {
	in     strings.Reader
	parser *expfmt.TextParser // kept for its buffer
}

// read returns the metric's name, its labels as names and values in turn, and the
// sample without labels.
func (r *sampleReader) read(line string) (name string, pairs []string, s Sample, err error) {
	defer func() {
		if p := recover(); p != nil { // strangers' text must not end the program
			r.parser, err = nil, fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	if r.parser == nil {
		r.parser = new(expfmt.NewTextParser(model.LegacyValidation)) // without a scheme it panics
	}
	r.in.Reset(line + "\n")
	families, err := r.parser.TextToMetricFamilies(&r.in)
	if wrong, ok := errors.AsType[expfmt.ParseError](err); ok {
		err = errors.New(wrong.Msg) // its line number is always 1
	}
	if err != nil {
		return "", nil, s, err
	}
	for _, f := range families {
		all := f.GetMetric()
		if len(all) != 1 {
			break
		}
		for _, l := range all[0].GetLabel() {
			pairs = append(pairs, l.GetName(), l.GetValue())
		}
		return f.GetName(), pairs, Sample{Value: all[0].GetUntyped().GetValue(), Time: sampleTime(all[0].GetTimestampMs())}, nil
	}
	return "", nil, s, errors.New("a line without a sample")
}
