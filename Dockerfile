# A class starts from this image without a compiler:
#     docker build -t edge-ai-workbook .
#     docker run --rm -p 127.0.0.1:8888:8888 -v my-workbook:/home/learner/my-workbook edge-ai-workbook

FROM python:3.13-slim AS build
COPY .binder/apt.txt /tmp/
RUN apt-get update && xargs -a /tmp/apt.txt apt-get install -y --no-install-recommends
COPY . /source
WORKDIR /source
RUN python -m venv /opt/workbook && make image PYTHON=/opt/workbook/bin/python

FROM python:3.13-slim
COPY --from=build /opt/workbook /opt/workbook
ENV PATH=/opt/workbook/bin:$PATH
RUN useradd --create-home learner
USER learner
WORKDIR /home/learner
# The folder must exist before a volume is mounted on it, or the volume belongs to root.
RUN workbook start
EXPOSE 8888
CMD ["workbook", "lab", "--everywhere", "--port", "8888"]
