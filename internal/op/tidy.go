package op

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// sizeTag marks arguments that are an amount of memory or storage, by the unit that they are written with: size:"GB".
const sizeTag = "size"

// sizes are the arguments with a unit, by name.
func sizes(t reflect.Type) map[string]string {
	out := map[string]string{}
	for _, field := range reflect.VisibleFields(t) {
		if unit := field.Tag.Get(sizeTag); unit != "" {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			out[name] = unit
		}
	}
	return out
}

// tidy writes an argument as it is written here where there is no doubt what is meant: an allowed word in another case, and a
// size with a blank, with its unit in another case or in full, or without one.
func (s *schema) tidy(name string, value any) any {
	if unit, ok := s.sizes[name]; ok {
		return sized(value, unit)
	}
	word, ok := value.(string)
	if property := s.root.Properties[name]; ok && property != nil {
		return allowed(property, word)
	}
	return value
}

func allowed(property *jsonschema.Schema, word string) string {
	for _, v := range property.Enum {
		if known, ok := v.(string); ok && strings.EqualFold(known, strings.TrimSpace(word)) {
			return known
		}
	}
	return word
}

var anySize = regexp.MustCompile(`(?i)^\s*(\d+(?:\.\d+)?)\s*(?:gb?|gigs?|gigabytes?)?\s*$`)

func sized(value any, unit string) any {
	switch v := value.(type) {
	case string:
		if m := anySize.FindStringSubmatch(v); m != nil {
			return m[1] + unit
		}
	case float64:
		if v > 0 && !math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'f', -1, 64) + unit
		}
	}
	return value
}

// example shows a list to somebody who wrote text instead.
func example(word string) string {
	var items []string
	for item := range strings.SplitSeq(strings.Trim(word, "[] "), ",") {
		items = append(items, strconv.Quote(strings.Trim(item, `"' `)))
	}
	return fmt.Sprintf("[%s]", strings.Join(items, ", "))
}
