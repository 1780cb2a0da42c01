/** JDBC: each step prints what it saw, a line of JSON each (see ../steps.py). Run as a source file. */
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

final class Client {
  private static final String BY_ID = "SELECT name, email, card, salary::float8 FROM app.users WHERE id = ?";
  private static final Pattern HOLD = Pattern.compile("h_[\\w-]+");

  interface Work {
    void run() throws SQLException;
  }

  static String json(Object value) {
    if (value == null) return "null";
    if (value instanceof Number) return value.toString();
    if (value instanceof List<?> list) {
      return "[" + String.join(",", list.stream().map(Client::json).toList()) + "]";
    }
    String text = value.toString().replace("\\", "\\\\").replace("\"", "\\\"");
    return "\"" + text.replace("\t", "\\t").replace("\n", "\\n") + "\"";
  }

  static synchronized void say(String name, Object seen) {
    System.out.println("{" + json(name) + ": " + json(seen) + "}");
  }

  static List<Object> rows(ResultSet result) throws SQLException {
    List<Object> seen = new ArrayList<>();
    while (result.next()) {
      List<Object> row = new ArrayList<>();
      for (int at = 1; at <= result.getMetaData().getColumnCount(); at++) row.add(result.getObject(at));
      seen.add(row);
    }
    return seen;
  }

  static String sqlState(Work work) {
    try {
      work.run();
      return null;
    } catch (SQLException error) {
      return error.getSQLState();
    }
  }

  static Connection connect(String... settings) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("PGPASSWORD"));
    for (int at = 0; at < settings.length; at += 2) properties.setProperty(settings[at], settings[at + 1]);
    String place = System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    return DriverManager.getConnection("jdbc:postgresql://" + place, properties);
  }

  static List<Object> byId(Connection connection, int times) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(BY_ID)) {
      List<Object> last = null;
      for (int run = 0; run < times; run++) {
        statement.setInt(1, 1);
        last = rows(statement.executeQuery());
      }
      return last;
    }
  }

  static Object cancelled(Connection connection) throws Exception {
    try (Statement statement = connection.createStatement()) {
      CompletableFuture<String> outcome =
          CompletableFuture.supplyAsync(() -> sqlState(() -> statement.execute("SELECT pg_sleep(600)")));
      say("waits", "running");
      System.in.read();
      statement.cancel();
      return outcome.get();
    }
  }

  static Object refused(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    List<Object> seen = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      seen.add(sqlState(() -> statement.execute("DROP TABLE app.users")));
      seen.add(sqlState(() -> statement.execute("SELECT 1")));
      connection.rollback();
      connection.setAutoCommit(true);
      ResultSet one = statement.executeQuery("SELECT 1");
      one.next();
      seen.add(one.getInt(1));
    }
    return seen;
  }

  /** Batches are JDBC's pipelines. */
  static Object pipelined(Connection connection) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO app.orders (id, item) VALUES (?, ?)")) {
      for (int id = 2001; id <= 2003; id++) {
        insert.setInt(1, id);
        insert.setString(2, "plate");
        insert.addBatch();
      }
      List<Object> counts = new ArrayList<>();
      for (int count : insert.executeBatch()) counts.add(count);
      return counts;
    }
  }

  /** With a fetch size a portal gives its rows a few at a time. */
  static Object fetched(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(2);
      return rows(statement.executeQuery("SELECT email FROM app.users ORDER BY id"));
    } finally {
      connection.setAutoCommit(true);
    }
  }

  /** The driver keeps notices until it is asked, and asks while the statement waits. */
  static Object updated(Connection connection) throws Exception {
    try (Statement statement = connection.createStatement()) {
      CompletableFuture<Integer> outcome =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return statement.executeUpdate("UPDATE app.users SET name = 'Bea' WHERE id = 2");
                } catch (SQLException error) {
                  throw new IllegalStateException(error);
                }
              });
      while (!outcome.isDone()) {
        SQLWarning notice = statement.getWarnings();
        if (notice == null) {
          Thread.onSpinWait();
          continue;
        }
        Matcher hold = HOLD.matcher(notice.getMessage());
        if (hold.find()) say("held", hold.group());
        break;
      }
      return outcome.get();
    }
  }

  public static void main(String[] arguments) throws Exception {
    try (Connection connection = connect(); Connection simple = connect("preferQueryMode", "simple")) {
      say("simple", byId(simple, 1));
      say("extended", byId(connection, 1));
      // From the fifth run on prepared by name, and binary where the driver knows the type.
      say("prepared", byId(connection, 8));
      CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
      copy.copyIn("COPY app.orders (id, item) FROM STDIN", new StringReader("1001\tsaucer\n1002\tspoon\n1003\tfork\n"));
      try (Statement statement = connection.createStatement()) {
        say("copiedIn", rows(statement.executeQuery("SELECT item FROM app.orders WHERE id > 1000 ORDER BY id")));
      }
      StringWriter out = new StringWriter();
      copy.copyOut("COPY (SELECT name, email FROM app.users WHERE id < 3 ORDER BY id) TO STDOUT", out);
      say("copiedOut", out.toString());
      say("cancelled", cancelled(connection));
      say("refused", refused(connection));
      say("pipelined", pipelined(connection));
      say("fetched", fetched(connection));
      say("updated", updated(connection));
    }
  }
}
