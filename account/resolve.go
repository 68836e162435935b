package account

import (
	"context"
	"errors"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

// resolve finds out who a statement means: the kind and the id to compare tokens with.
func (s *Store) resolve(ctx context.Context, c CreateUser, skipValidation bool) (midas.PrincipalKind, string, error) {
	if c.ID != "" && skipValidation {
		// Nobody was asked what the id is. As on Azure it is then an application's, so
		// a group created this way admits none of its members.
		return midas.KindService, c.ID, nil
	}
	what := c.Name
	if c.ID != "" {
		what = c.ID
	}
	if s.directory == nil {
		return "", "", cannotValidate(what, "there is no directory to ask", nil)
	}
	var object midas.DirectoryObject
	var err error
	if c.ID != "" {
		object, err = s.directory.ObjectByID(ctx, c.ID)
	} else {
		object, err = s.directory.ObjectByName(ctx, c.Name)
	}
	if err != nil {
		return "", "", cannotValidate(what, "", err)
	}
	id := c.ID
	if id == "" {
		id = object.ObjectID
		if object.Kind == midas.KindService && object.ClientID != "" {
			id = object.ClientID
		}
	}
	switch object.Kind {
	case midas.KindService, midas.KindUser, midas.KindGroup:
	default:
		return "", "", cannotValidate(what, "the directory calls it a "+string(object.Kind), nil)
	}
	if id, err = cleanID(id); err != nil {
		return "", "", cannotValidate(what, "the directory has no valid id for it", nil)
	}
	return object.Kind, id, nil
}

// cannotValidate is Azure's error 9102 with the reason. A directory's own text is shown
// only when it is about the identity; what else went wrong there is not the caller's.
func cannotValidate(what, why string, err error) error {
	code := midas.NotFound
	if err != nil {
		code = midas.CodeOf(err)
		why = "the directory does not answer"
		var e *midas.Error
		if errors.As(err, &e) && (code == midas.NotFound || code == midas.Conflict || code == midas.Invalid) {
			why = e.Message
		}
	}
	return refuse(mysqlerr.AADValidateUser, code, "An unexpected error occurred while trying to validate user '%s'. Reason: %s", what, why).
		WithHint("check the name or id; SET %s = OFF; takes a client id as written", validateVariable)
}
