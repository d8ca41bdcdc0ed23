//! Arrow Flight on localhost, with a child process that decodes every batch it receives and returns it.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
};

use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightClient, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
    decode::FlightRecordBatchStream,
    encode::FlightDataEncoderBuilder,
    error::FlightError,
    flight_service_server::{FlightService, FlightServiceServer},
};
use futures::{StreamExt, TryStreamExt, stream};
use ndarray::{Array1, ArrayView1};
use tokio::runtime::{Builder, Runtime};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Server, server::TcpIncoming},
};

use super::arrow::{batch, column};

/// The environment variable that makes a process the server.
const SERVER: &str = "SERBENCH_BOUNDARY_FLIGHT";

/// A Flight server and a connection to it. The server is stopped on drop.
pub(crate) struct Peer {
    process: Option<Child>,
    runtime: Runtime,
    client: FlightClient,
}

impl Peer {
    /// Starts this executable as a server.
    ///
    /// # Errors
    /// If the process can't be started or reached.
    pub(crate) fn start() -> io::Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .env(SERVER, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().map_err(io::Error::other)?;
        let mut peer = Self::connect(port)?;
        peer.process = Some(process);
        Ok(peer)
    }

    /// Connects to a server on this machine.
    ///
    /// # Errors
    /// If no server listens on `port`.
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let server = Channel::from_shared(format!("http://127.0.0.1:{port}"))
            .map_err(io::Error::other)?
            .tcp_nodelay(true);
        let channel = runtime
            .block_on(server.connect())
            .map_err(io::Error::other)?;
        Ok(Self {
            process: None,
            runtime,
            client: FlightClient::new(channel),
        })
    }

    /// Sends `array` and decodes the response.
    ///
    /// # Errors
    /// If the server has exited or returns no array.
    pub(crate) fn round_trip(&mut self, array: ArrayView1<'_, f64>) -> io::Result<Array1<f64>> {
        let batch = batch(&array.into_dyn()).map_err(io::Error::other)?;
        let request = FlightDataEncoderBuilder::new().build(stream::iter([Ok(batch)]));
        let exchange = async {
            let mut elements = Vec::new();
            let mut batches = self.client.do_exchange(request).await?;
            while let Some(batch) = batches.try_next().await? {
                let column = column(&batch).map_err(FlightError::ExternalError)?;
                elements.extend_from_slice(column.values());
            }
            Ok::<_, FlightError>(elements)
        };
        let elements = self.runtime.block_on(exchange).map_err(io::Error::other)?;
        Ok(elements.into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Closing stdin stops the process. If this fails, it has already exited.
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

/// In a process started by [`Peer::start`], serves until stdin is closed. In any other process, returns
/// `false` immediately. Call this first in `main`.
///
/// # Errors
/// If the server fails.
pub(crate) fn serve_if_child() -> io::Result<bool> {
    if env::var_os(SERVER).is_none() {
        return Ok(false);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut output = io::stdout().lock();
    writeln!(output, "{}", listener.local_addr()?.port())?;
    output.flush()?;
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
    serve(listener)?;
    Ok(true)
}

/// Serves requests to `listener` until an error.
///
/// # Errors
/// If the server fails.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server = Server::builder().add_service(FlightServiceServer::new(Echo));
            server
                .serve_with_incoming(incoming)
                .await
                .map_err(io::Error::other)
        })
}

/// Returns the batches of every exchange; all other requests are unimplemented.
struct Echo;

type Answers<T> = stream::BoxStream<'static, Result<T, Status>>;

fn nothing_else<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented(
        "this server only supports DoExchange",
    ))
}

#[tonic::async_trait]
impl FlightService for Echo {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let received = request.into_inner().map_err(FlightError::from);
        let batches = FlightRecordBatchStream::new_from_flight_data(received);
        let answers = FlightDataEncoderBuilder::new().build(batches);
        Ok(Response::new(answers.map_err(Status::from).boxed()))
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        nothing_else()
    }

    async fn list_flights(
        &self,
        _: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        nothing_else()
    }

    async fn get_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        nothing_else()
    }

    async fn poll_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        nothing_else()
    }

    async fn get_schema(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        nothing_else()
    }

    async fn do_get(&self, _: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        nothing_else()
    }

    async fn do_put(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        nothing_else()
    }

    async fn do_action(
        &self,
        _: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        nothing_else()
    }

    async fn list_actions(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        nothing_else()
    }
}
