package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Version is the Kafka that the tests run against.
const Version = "3.9.1"

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>citycard</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + Version + `</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

// ErrMissing says that a program the tests need is not on the machine.
var ErrMissing = errors.New("not installed; on Debian: apt-get install default-jre-headless maven")

// jars returns the directory with the broker's jars, fetching them where they are
// not there yet. Test processes that start together wait for one another.
func jars(ctx context.Context) (string, error) {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s: %w", program, ErrMissing)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kafka jars: %w", err)
	}
	home := filepath.Join(cache, "citycard", "kafka-"+Version)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("kafka jars: %w", err)
	}
	lock := flock.New(filepath.Join(home, "lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return "", fmt.Errorf("kafka jars: wait for another process that fetches them: %w", err)
	}
	defer lock.Unlock()
	dir := filepath.Join(home, "jars")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("kafka jars: %w", err)
	}
	if err := os.WriteFile(filepath.Join(home, "pom.xml"), []byte(pom), 0o644); err != nil {
		return "", fmt.Errorf("kafka jars: %w", err)
	}
	// They are fetched into a temporary directory, which is then renamed, so that an incomplete set
	// is never used.
	partial := dir + ".part"
	fetch := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+partial)
	fetch.Dir = home
	if out, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("kafka jars: mvn: %w\n%s", err, out)
	}
	if err := os.Rename(partial, dir); err != nil {
		return "", fmt.Errorf("kafka jars: %w", err)
	}
	return dir, nil
}
