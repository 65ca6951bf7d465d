package main

/*
#cgo pkg-config: lily_session
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>

// The model is memory of C's, because C may not keep a pointer to memory of Go's.
struct app { int32_t visits; char theme[16]; };

static const lily_session_field fields[] = {
  LILY_SESSION_FIELD_INT32(struct app, visits), LILY_SESSION_FIELD_CHARS(struct app, theme),
};

// Go may run the next call of C on another thread, which has a last error of its own. So each function here asks for it in the same call.
enum { ROOM = 512 };
static lily_session_status told(lily_session_status status, char *error) {
  if (status) snprintf(error, ROOM, "%s", lily_session_last_error());
  return status;
}

static lily_session_status open_storage(const char *application, lily_session_storage **storage, char *error) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = application;
  return told(lily_session_storage_open(NULL, &options, storage), error);
}

static lily_session_status attach(struct app *app, lily_session_storage *storage, lily_session_runtime **runtime, lily_session **session,
                                  char *error) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  config.storage = storage;
  lily_session_status status = told(lily_session_fields_add(list, fields, sizeof fields / sizeof *fields), error);
  if (!status) status = told(lily_session_runtime_new(app, NULL, NULL, runtime), error);
  if (!status) status = told(lily_session_attach(*runtime, list, &config, session), error);
  lily_session_persistence_free(list);
  return status;
}

static lily_session_status persist(lily_session *session, char *error) { return told(lily_session_persist(session), error); }
static lily_session_status clear(lily_session_storage *storage, char *error) { return told(lily_session_clear(storage), error); }
static lily_session_status set(lily_session_storage *storage, const char *key, const char *json, size_t length, char *error) {
  return told(lily_session_storage_set(storage, key, json, length, 0), error);
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Session keeps an app over a restart. One goroutine at a time may use it; which thread that is on does not matter.
type Session struct {
	app     *C.struct_app
	storage *C.lily_session_storage
	runtime *C.lily_session_runtime
	session *C.lily_session
}

// message has room for what a call says is wrong.
type message [C.ROOM]C.char

func (m *message) check(status C.lily_session_status) error {
	if status == 0 {
		return nil
	}
	return errors.New(C.GoString(&m[0]))
}

// Open opens the program's file, and fills the app from it.
func Open(application string) (*Session, error) {
	name := C.CString(application) // the library copies it
	defer C.free(unsafe.Pointer(name))
	var m message
	s := &Session{app: (*C.struct_app)(C.calloc(1, C.sizeof_struct_app))}
	s.SetTheme("light")
	err := m.check(C.open_storage(name, &s.storage, &m[0]))
	if err == nil {
		err = m.check(C.attach(s.app, s.storage, &s.runtime, &s.session, &m[0]))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Persist stores what changed.
func (s *Session) Persist() error {
	var m message
	return m.check(C.persist(s.session, &m[0]))
}

// Clear removes all that is stored. The app keeps its values, and what does not change is not stored again.
func (s *Session) Clear() error {
	var m message
	return m.check(C.clear(s.storage, &m[0]))
}

// SetJSON stores JSON text under a key of the program's own. Unlike the rest, any number of goroutines may call it at once.
func (s *Session) SetJSON(key, json string) error {
	k, j := C.CString(key), C.CString(json)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(j))
	var m message
	return m.check(C.set(s.storage, k, j, C.size_t(len(json)), &m[0]))
}

// Close stores what changed, and gives everything back. The model goes last.
func (s *Session) Close() {
	C.lily_session_detach(s.session)
	C.lily_session_runtime_free(s.runtime)
	C.lily_session_storage_close(s.storage)
	C.free(unsafe.Pointer(s.app))
}

func (s *Session) Visits() int     { return int(s.app.visits) }
func (s *Session) SetVisits(n int) { s.app.visits = C.int32_t(n) }
func (s *Session) Theme() string   { return C.GoString(&s.app.theme[0]) }

// SetTheme copies a text into the app; what does not fit is cut off.
func (s *Session) SetTheme(theme string) {
	s.app.theme = [len(s.app.theme)]C.char{}
	for at := 0; at < len(theme) && at < len(s.app.theme)-1; at++ {
		s.app.theme[at] = C.char(theme[at])
	}
}
