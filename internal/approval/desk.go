package approval

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	g "maragu.dev/gomponents"

	"aura-mcp/internal/guard"
)

// desk is somebody's desk as their browser sees it.
type desk struct {
	*guard.Desk
	log *slog.Logger
	// person has signed in, and passwords is how many wait for them; at their own machine neither is needed.
	person    string
	passwords int
}

// current shows the plan whose turn it is. Where none waits, it shows what became of the one before.
func (d desk) current(w http.ResponseWriter, r *http.Request) {
	before, _ := d.Look(r.URL.Query().Get("after"))
	for _, a := range d.List() {
		if a.Stage == guard.Shown && decidedHere(a) {
			d.render(w, http.StatusOK, screen{Approval: a, Before: &before})
			return
		}
	}
	if before.ID == "" {
		before.Stage = idle
	}
	d.render(w, http.StatusOK, screen{Approval: before})
}

// The stages of a page that has no plan to show: idle where nothing waits, closed where the one that was asked for does not.
const (
	idle   guard.Stage = "idle"
	closed guard.Stage = "closed"
)

// one shows one plan, however far it has come.
func (d desk) one(w http.ResponseWriter, r *http.Request) {
	a, known := d.Look(r.PathValue("id"))
	if !known || !decidedHere(a) {
		d.render(w, http.StatusNotFound, screen{Approval: guard.Approval{Stage: closed}})
		return
	}
	d.render(w, http.StatusOK, screen{Approval: a})
}

func decidedHere(a guard.Approval) bool { return slices.Contains(a.Ways, guard.Page) }

// decide takes what the person said, and shows what comes of it on a page that can be loaded again without saying it twice.
func (d desk) decide(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form could not be read", http.StatusBadRequest)
		return
	}
	said := r.PostForm.Get("decision")
	if said != "approve" && said != "refuse" {
		http.Error(w, "the form says neither approve nor refuse", http.StatusBadRequest)
		return
	}
	by := guard.Decision{Approve: said == "approve", Typed: r.PostForm.Get("typed"), PIN: r.PostForm.Get("pin"), Way: guard.Page}
	err := d.Decide(id, by)
	mistake, again := errors.AsType[*guard.MistakeError](err)
	a, known := d.Look(id)
	switch {
	case err == nil:
		w.Header().Set("Location", url.PathEscape(id))
		w.WriteHeader(http.StatusSeeOther)
	case again:
		d.render(w, http.StatusUnprocessableEntity, screen{Approval: a, Problem: mistake.What, AtPIN: mistake.PIN, Typed: by.Typed})
	case known:
		d.render(w, http.StatusConflict, screen{Approval: a, Late: true})
	default:
		d.render(w, http.StatusNotFound, screen{Approval: guard.Approval{Stage: closed}})
	}
}

func (d desk) render(w http.ResponseWriter, status int, s screen) {
	s.Person, s.Passwords = d.person, d.passwords
	if s.Stage == guard.Shown {
		d.Seen(s.ID)
	}
	if wait, to := s.refresh(); wait > 0 {
		w.Header().Set("Refresh", fmt.Sprintf("%d; url=%s", int(wait.Seconds()), to))
	}
	send(w, d.log, status, s.document())
}

func send(w http.ResponseWriter, log *slog.Logger, status int, page g.Node) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := page.Render(w); err != nil {
		log.Debug("the approval page was not sent whole", "error", err)
	}
}
