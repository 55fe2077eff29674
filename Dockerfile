# The program from the folder that `make dist` makes; nothing is built or fetched here.
#   make dist && docker build -t aq4svit . && docker run --rm -it -v aq4svit:/data aq4svit
FROM debian:12-slim
COPY target/dist/aq4svit-*-linux-x86_64/ /opt/aq4svit/
RUN ln -s /opt/aq4svit/aq4svit /usr/local/bin/aq4svit \
    && useradd --create-home --uid 1000 aq4svit \
    && install -d -o aq4svit /data
ENV AQ4SVIT_CONFIG=/data/config AQ4SVIT_DATA=/data TERM=xterm-256color
USER aq4svit
WORKDIR /data
VOLUME /data
ENTRYPOINT ["aq4svit"]
