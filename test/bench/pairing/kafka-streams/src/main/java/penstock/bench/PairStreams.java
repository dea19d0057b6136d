package penstock.bench;

import java.io.File;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.StreamJoined;

/**
 * Request, live answer and shadow answer of an exchange joined by Kafka Streams, one record out per pair. Mode `plain` joins whole records and
 * reduces the pair; `facts` reduces first and joins facts.
 */
public final class PairStreams {
  private PairStreams() {}

  public static void main(String[] args) throws Exception {
    if (args.length != 10) {
      System.err.println(
          "usage: MODE GUARANTEE BROKERS INPUT OUTPUT APPLICATION STATE_DIR SCHEMA_DIR REQUEST_SCHEMA_ID WINDOW_MS");
      System.exit(2);
    }
    Exchanges exchanges = new Exchanges(new File(args[7]), Integer.parseInt(args[8]));
    boolean factsFirst = args[0].equals("facts");
    StreamsBuilder builder = topology(exchanges, factsFirst, args[3], args[4], Duration.ofMillis(Long.parseLong(args[9])));
    KafkaStreams streams = new KafkaStreams(builder.build(), settings(args[1], args[2], args[5], args[6]));
    streams.setUncaughtExceptionHandler(
        cause -> {
          cause.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
    streams.start();
  }

  private static Properties settings(String guarantee, String brokers, String application, String stateDir) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    // What a request and two answers of 64 KB joined in one changelog record need.
    settings.put("producer.max.request.size", 4 * 1024 * 1024);
    return settings;
  }

  private static StreamsBuilder topology(
      Exchanges exchanges, boolean factsFirst, String input, String output, Duration window) {
    StreamsBuilder builder = new StreamsBuilder();
    // Marks of quiet partitions have no value.
    KStream<byte[], byte[]> all = builder.<byte[], byte[]>stream(input).filter((key, value) -> value != null);
    KStream<byte[], byte[]> requests = all.filter((key, value) -> exchanges.isRequest(value));
    KStream<byte[], byte[]> answers = all.filter((key, value) -> !exchanges.isRequest(value));
    KStream<byte[], byte[]> live = answers.filter((key, value) -> exchanges.isLive(value));
    KStream<byte[], byte[]> shadow = answers.filter((key, value) -> !exchanges.isLive(value));
    if (factsFirst) {
      requests = requests.mapValues(exchanges::requestFacts);
      live = live.mapValues(exchanges::responseFacts);
      shadow = shadow.mapValues(exchanges::responseFacts);
    }
    JoinWindows within = JoinWindows.ofTimeDifferenceAndGrace(window, Duration.ofSeconds(1));
    StreamJoined<byte[], byte[], byte[]> joined =
        StreamJoined.with(Serdes.ByteArray(), Serdes.ByteArray(), Serdes.ByteArray());
    KStream<byte[], byte[]> pairs =
        requests
            .join(live, PairStreams::together, within, joined)
            .leftJoin(shadow, (left, right) -> pair(exchanges, factsFirst, left, right), within, joined);
    pairs.to(output);
    return builder;
  }

  /** Length of the first, the first, the second. */
  private static byte[] together(byte[] first, byte[] second) {
    return ByteBuffer.allocate(4 + first.length + second.length).putInt(first.length).put(first).put(second).array();
  }

  private static byte[] pair(Exchanges exchanges, boolean factsFirst, byte[] left, byte[] right) {
    byte[] shadow = right == null ? new byte[0] : right;
    if (factsFirst) return together(left, shadow);
    ByteBuffer both = ByteBuffer.wrap(left);
    byte[] request = new byte[both.getInt()];
    both.get(request);
    byte[] live = new byte[both.remaining()];
    both.get(live);
    byte[] of = together(exchanges.requestFacts(request), exchanges.responseFacts(live));
    return together(of, right == null ? shadow : exchanges.responseFacts(right));
  }
}
