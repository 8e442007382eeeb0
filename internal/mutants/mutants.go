// Package mutants breaks conditions of a package one at a time, to see whether a test notices: one that no test notices is
// not tested, whatever the coverage says. All mutants are compiled into one program, which breaks the one that the environment
// variable MUTANT names by its number, so that hundreds of them cost one build. It is for the guard; make mutants runs it.
package mutants

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// Mutant is one condition broken in one way.
type Mutant struct {
	Number int
	File   string
	Line   int
	Func   string
	Kind   string // inverted, or without: an operand of && or || left out
	Code   string // of the condition, or the operand
}

// Name is what a mutant is called in lists. It has no line number, so that it outlives edits elsewhere.
func (m Mutant) Name() string { return fmt.Sprintf("%s %s: %s %s", m.File, m.Func, m.Kind, m.Code) }

// Helpers is the file that goes with the broken ones, without its package clause. With MUTANTS_REACHED it writes the numbers of
// the conditions that a program comes to into the file of that name.
const Helpers = `
import (
	"fmt"
	"os"
	"sync"
)

var (
	mutant         = os.Getenv("MUTANT")
	mutantsReached = os.Getenv("MUTANTS_REACHED")
	mutantsSeen    sync.Map
)

func mutantReached(n string) {
	if mutantsReached == "" {
		return
	}
	if _, again := mutantsSeen.LoadOrStore(n, true); again {
		return
	}
	f, err := os.OpenFile(mutantsReached, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintln(f, n)
}

// mutantInverts is the other value of a condition where it is the one to break.
func mutantInverts(n string, condition bool) bool {
	mutantReached(n)
	return condition != (n == mutant)
}

// mutantOmits is the value with which an operand makes no difference, where it is the one to break.
func mutantOmits(n string, operand, neutral bool) bool {
	mutantReached(n)
	if n == mutant {
		return neutral
	}
	return operand
}
`

// Rewrite wraps every condition of a file: those of if and of switches without a tag, what functions return as a bool, and the
// operands of && and ||. Numbers go on from the mutants before.
func Rewrite(name string, source []byte, before []Mutant) ([]byte, []Mutant, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, fmt.Errorf("parse %s: %w", name, err)
	}
	r := &rewriter{set: set, file: name, all: before}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			r.function = f.Name.Name
			r.block(f.Type, f.Body)
		}
	}
	var out bytes.Buffer
	if err := format.Node(&out, set, &ast.File{Package: file.Package, Name: file.Name, Decls: file.Decls, Imports: file.Imports}); err != nil {
		return nil, nil, fmt.Errorf("write %s: %w", name, err)
	}
	return out.Bytes(), r.all, nil
}

type rewriter struct {
	set            *token.FileSet
	file, function string
	all            []Mutant
}

// block goes through a function's statements; those of functions in it are of their own type.
func (r *rewriter) block(signature *ast.FuncType, body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.FuncLit:
			r.block(s.Type, s.Body)
			return false
		case *ast.IfStmt:
			s.Cond = r.inverted(s.Cond)
		case *ast.SwitchStmt:
			for _, c := range s.Body.List {
				for n, condition := range c.(*ast.CaseClause).List {
					if s.Tag == nil {
						c.(*ast.CaseClause).List[n] = r.inverted(condition)
					}
				}
			}
		case *ast.ReturnStmt:
			for n, is := range bools(signature, len(s.Results)) {
				if name, plain := s.Results[n].(*ast.Ident); is && (!plain || name.Name != "true" && name.Name != "false") {
					s.Results[n] = r.inverted(s.Results[n])
				}
			}
		case *ast.BinaryExpr:
			if neutral, ok := map[token.Token]string{token.LAND: "true", token.LOR: "false"}[s.Op]; ok {
				s.X, s.Y = r.omitted(s.X, neutral), r.omitted(s.Y, neutral)
			}
		}
		return true
	})
}

// bools says which of the values that a function returns are bools.
func bools(signature *ast.FuncType, returned int) []bool {
	var out []bool
	if signature.Results == nil {
		return nil
	}
	for _, field := range signature.Results.List {
		name, ok := field.Type.(*ast.Ident)
		for range max(1, len(field.Names)) {
			out = append(out, ok && name.Name == "bool")
		}
	}
	if len(out) != returned { // one call that returns them all, or none
		return nil
	}
	return out
}

func (r *rewriter) inverted(condition ast.Expr) ast.Expr {
	return r.call("mutantInverts", "inverted", condition)
}

func (r *rewriter) omitted(operand ast.Expr, neutral string) ast.Expr {
	if and, ok := operand.(*ast.BinaryExpr); ok && (and.Op == token.LAND || and.Op == token.LOR) {
		return operand // its own operands are left out one by one
	}
	return r.call("mutantOmits", "without", operand, ast.NewIdent(neutral))
}

func (r *rewriter) call(helper, kind string, condition ast.Expr, more ...ast.Expr) ast.Expr {
	var code bytes.Buffer
	if err := format.Node(&code, r.set, condition); err != nil {
		code.WriteString(err.Error())
	}
	m := Mutant{
		Number: len(r.all) + 1, File: r.file, Func: r.function, Kind: kind,
		Code: strings.Join(strings.Fields(code.String()), " "), Line: r.set.Position(condition.Pos()).Line,
	}
	r.all = append(r.all, m)
	number := &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(strconv.Itoa(m.Number))}
	return &ast.CallExpr{Fun: ast.NewIdent(helper), Args: append([]ast.Expr{number, condition}, more...)}
}
