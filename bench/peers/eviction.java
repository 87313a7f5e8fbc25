// Caffeine's side of bench/eviction.py, with the commands of bench/eviction.cpp. Its policy is
// Window-TinyLFU, whatever is asked for.
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

class Eviction {
  record Key(long low, long high) {
    @Override public int hashCode() { return Long.hashCode(low); }
  }

  // Expiry and statistics as ours has them. Maintenance happens at once, in the thread that causes it.
  static Cache<Key, Long> makeCache(int entries) {
    return Caffeine.newBuilder().maximumSize(entries).expireAfterWrite(1, TimeUnit.HOURS)
        .recordStats().executor(Runnable::run).build();
  }

  static long[] readTrace(String path) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(path))).order(ByteOrder.LITTLE_ENDIAN);
    long[] trace = new long[bytes.capacity() / 24];
    for (int i = 0; i < trace.length; ++i) trace[i] = bytes.getLong(i * 24 + 4);
    return trace;
  }

  static long mixed(long x) {
    x += 0x9e3779b97f4a7c15L;
    x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
    x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
    return x ^ (x >>> 31);
  }

  static Key keyOf(long number) { return new Key(mixed(number), mixed(~number)); }

  static int replay(long[] trace, int entries) {
    Cache<Key, Long> cache = makeCache(entries);
    int hits = 0;
    for (long number : trace) {
      Key key = keyOf(number);
      if (cache.getIfPresent(key) != null) {
        ++hits;
      } else {
        cache.put(key, number);
      }
    }
    return hits;
  }

  static long[] residentTrace;
  static Key[] keys; // equal to those in the caches, and not the same objects
  static final List<Cache<Key, Long>> caches = new ArrayList<>();

  static void fill(long[] trace, int entries) {
    residentTrace = trace;
    keys = new Key[(int) Arrays.stream(trace).max().getAsLong() + 1];
    for (int number = 0; number < keys.length; ++number) keys[number] = keyOf(number);
    for (int i = 0; i < 2; ++i) {
      Cache<Key, Long> cache = makeCache(2 * entries);
      Arrays.stream(trace).distinct().forEach(number -> cache.put(keyOf(number), number));
      caches.add(cache);
    }
  }

  static void walk(Cache<Key, Long> cache, int from) {
    for (int i = 0; i < residentTrace.length; ++i) {
      long number = residentTrace[from];
      Long found = cache.getIfPresent(keys[(int) number]);
      if (found == null || found != number) throw new IllegalStateException("a look-up missed");
      if (++from == residentTrace.length) from = 0;
    }
  }

  // From when the first thread begins to when the last one ends.
  static double lookUp(int threads, boolean apart) throws InterruptedException {
    CountDownLatch ready = new CountDownLatch(threads);
    long[] began = new long[threads];
    long[] ended = new long[threads];
    Thread[] all = new Thread[threads];
    for (int i = 0; i < threads; ++i) {
      int mine = i;
      all[i] = new Thread(() -> {
        ready.countDown();
        while (ready.getCount() > 0) Thread.onSpinWait();
        began[mine] = System.nanoTime();
        walk(caches.get(apart ? mine : 0), (int) ((long) mine * residentTrace.length / threads));
        ended[mine] = System.nanoTime();
      });
      all[i].setUncaughtExceptionHandler((thread, error) -> {
        System.err.println(error);
        System.exit(1);
      });
      all[i].start();
    }
    for (Thread thread : all) thread.join();
    return (Arrays.stream(ended).max().getAsLong() - Arrays.stream(began).min().getAsLong()) * 1e-9;
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    String path = "";
    long[] trace = {};
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      if (words[0].equals("look_up")) {
        System.out.println(lookUp(Integer.parseInt(words[2]), words.length > 3));
        continue;
      }
      if (!words[1].equals(path)) trace = readTrace(path = words[1]);
      int entries = Integer.parseInt(words[3]);
      if (words[0].equals("replay")) {
        System.out.println(replay(trace, entries));
      } else {
        fill(trace, entries);
        System.out.println("done");
      }
    }
  }
}
