package statedir

import "github.com/midas-mysql/midas"

// takenOverFile lists the databases of others from which accounts of a former midas were taken
// over, by the name under which they are declared, and "*" once there were any. It outlives the
// servers that had them.
const takenOverFile = "taken-over.json"

// TakenOver tells whether NoteTakenOver was called for a database.
func TakenOver(dir, database string) (bool, error) {
	all, err := readTakenOver(dir)
	return all[database], err
}

// NoteTakenOver notes that the accounts of a former midas in a database were taken over. One process
// at a time may write: the one that serves the state.
func NoteTakenOver(dir, database string) error {
	all, err := readTakenOver(dir)
	if err != nil || all[database] {
		return err
	}
	all[database] = true
	return Write(dir, takenOverFile, all)
}

func readTakenOver(dir string) (map[string]bool, error) {
	all := map[string]bool{}
	err := Read(dir, takenOverFile, &all)
	if midas.CodeOf(err) == midas.NotFound {
		return map[string]bool{}, nil
	}
	return all, err
}
