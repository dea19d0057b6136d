package penstock.bench;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;

/** Reads the wire format of the exchanges: 0x00, four bytes of schema id, Avro. One thread. */
final class Exchanges {
  private static final int HEADER_BYTES = 5;

  private final int requestId;
  private final GenericDatumReader<GenericRecord> requests;
  private final GenericDatumReader<GenericRecord> responses;
  private final MessageDigest sha256;
  private BinaryDecoder decoder;

  Exchanges(File schemas, int requestId) throws IOException, NoSuchAlgorithmException {
    this.requestId = requestId;
    requests = new GenericDatumReader<>(new Schema.Parser().parse(new File(schemas, "Request.avsc")));
    responses = new GenericDatumReader<>(new Schema.Parser().parse(new File(schemas, "Response.avsc")));
    sha256 = MessageDigest.getInstance("SHA-256");
  }

  boolean isRequest(byte[] value) {
    return ByteBuffer.wrap(value).getInt(1) == requestId;
  }

  /** Reads no further than the leg, the third field after two texts: exchange id, arm, leg. */
  boolean isLive(byte[] value) {
    int textLength = 0;
    int at = HEADER_BYTES;
    for (int shift = 0; ; shift += 7) {
      byte next = value[at++];
      textLength |= (next & 0x7f) << shift;
      if (next >= 0) break;
    }
    int arm = at + (textLength >>> 1);
    return value[arm + 1] == 0;
  }

  /** Which run, unit and prompt: what a pair needs of its request. */
  byte[] requestFacts(byte[] value) {
    GenericRecord request = read(requests, value);
    GenericRecord place = (GenericRecord) request.get("place");
    String facts =
        String.join(
            "|",
            String.valueOf(place == null ? null : place.get("run")),
            String.valueOf(place == null ? null : place.get("stage_entry")),
            String.valueOf(request.get("assignment_unit")),
            String.valueOf(request.get("tenant")),
            hash((ByteBuffer) request.get("body")));
    return facts.getBytes(StandardCharsets.UTF_8);
  }

  /** How it ended, how long it took, what it used, and a hash instead of the text. */
  byte[] responseFacts(byte[] value) {
    GenericRecord response = read(responses, value);
    Utf8 output = (Utf8) response.get("output");
    long started = (long) response.get("started_at");
    String facts =
        String.join(
            "|",
            response.get("resolution").toString(),
            Long.toString((long) response.get("ended_at") - started),
            String.valueOf(response.get("first_token_at")),
            String.valueOf(response.get("input_tokens")),
            String.valueOf(response.get("output_tokens")),
            Integer.toString(output.getByteLength()),
            hash(ByteBuffer.wrap(output.getBytes(), 0, output.getByteLength())));
    return facts.getBytes(StandardCharsets.UTF_8);
  }

  private GenericRecord read(GenericDatumReader<GenericRecord> reader, byte[] value) {
    try {
      decoder = DecoderFactory.get().binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, decoder);
      return reader.read(null, decoder);
    } catch (IOException cause) {
      throw new UncheckedIOException(cause);
    }
  }

  private String hash(ByteBuffer bytes) {
    sha256.update(bytes);
    return HexFormat.of().formatHex(sha256.digest());
  }
}
