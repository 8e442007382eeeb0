package app

import (
	"regexp"
	"strings"
	"unicode"
)

// forPerson puts words that were meant for a model, which speaks to a person, to the person who sits at the terminal: "tell the
// person to set X" becomes "set X". Tools say everything once, for assistants, and this is the one place that turns it round; a
// test holds every sentence of ours that speaks of the person against it. What stands in quotes is somebody's name and stays.
func forPerson(told string) string {
	var b strings.Builder
	rest := 0
	for _, quoted := range quotation.FindAllStringIndex(told, -1) {
		b.WriteString(turned(told[rest:quoted[0]]))
		b.WriteString(told[quoted[0]:quoted[1]])
		rest = quoted[1]
	}
	b.WriteString(turned(told[rest:]))
	return capital.ReplaceAllStringFunc(strings.TrimRight(b.String(), "\n"), func(start string) string {
		if strings.Contains(start, "_") { // a tool's name
			return start
		}
		runes := []rune(start)
		at := len([]rune(advice))
		runes[at] = unicode.ToUpper(runes[at])
		return string(runes)
	})
}

// advice begins what is to be done, in every error of a tool.
const advice = "What to do: "

var (
	quotation = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	capital   = regexp.MustCompile(advice + `\p{Ll}[\w-]*`)
)

// turn is one phrase and how it reads to the person.
type turn struct {
	phrase *regexp.Regexp
	to     string
}

func turned(s string) string {
	for _, t := range turns() {
		s = t.phrase.ReplaceAllString(s, t.to)
	}
	return s
}

// turns are applied one after another, so the longer phrases come first.
func turns() (out []turn) {
	for _, t := range [][2]string{
		{`\n?` + advice + `(?:Tell the person|Do not call again unless the person asks for it)\.`, ""},
		{`, tell the person what changed, and`, ", and"},
		{`(?:, and|, or|;) tell the person([.;]|$)`, "$1"},
		{`[Tt]ell the person (?:to |and |what you wanted to do: )`, ""},
		{`[Tt]ell the person that `, "note that "},
		{`[Tt]ell the person[:;] `, ""},
		{`: tell the person([.]|$)`, "$1"},
		{`[Aa]sk the person which one they mean, then call again with its ID`, "run it again with the ID of the one you mean"},
		{`[Aa]sk the person whether they (?:still )?want this(?: one)?; if so, call again and they will be asked again`, "run it again if you want it"},
		{`ask the person whether they still want this one`, "run this again if you still want it"},
		{`[Aa]sk the person what they want before you call again`, "run it again if you want it after all"},
		{`[Aa]sk the person where it is not clear, then call again`, "run it again with what you choose"},
		{`; where that is not clear, ask the person`, ""},
		{`for this person's approval already, and more are not put before them`, "for your approval already, and more are not put before you"},
		{`call again to have them asked again`, "run it again to be asked again"},
		{`a person has refused this`, "you have refused this"},
		{`the person (?:wants|asks for) `, "you want "},
		{`the person may want`, "you may want"},
		{`the person declined`, "you declined"},
		{`The person declined`, "You declined"},
		{`(they|They)( (?:can|decide|set up|still want)\b)`, "you$2"},
		{`([Cc])all (?:it |this )?again`, "run it again"},
		{`\b[Cc]all ([a-z]+(?:_[a-z]+)+)`, "run `aura-mcp call $1`"},
	} {
		out = append(out, turn{regexp.MustCompile(t[0]), t[1]})
	}
	return out
}
